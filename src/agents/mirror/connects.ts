/** Tells the log which mirror connects are lost, and which are there again; a network that comes and goes is told once. */
import { reportConnects } from '../../decisions/mirror-connects.ts'
import { constructedMirror } from '../../decisions/mirror-pair.ts'
import type { PlaneStatus } from '../../mirror/process/sayings.ts'
import { sideOf } from '../../projections/mirror-sides.ts'
import type { World } from '../../world/world.ts'
import { connectNames } from './places.ts'
import type { TellerParts } from './tell.ts'

/** Longer than it takes to try every network once, at the start and after a connection was lost. */
export const lostAfterMs = 5000
/** Without a loss: what comes and goes faster stays lost. */
export const restoredAfterMs = 30_000

/** What is lost is known only while another one is used. */
export const connectTeller = (
  { clock }: Pick<World, 'clock'>,
  { name, me, recorder }: Omit<TellerParts, 'link'>,
): ((status: Pick<PlaneStatus, 'does' | 'path'>) => void) => {
  /** By network: since when it is as it is. */
  const since = new Map<string, { readonly isLost: boolean; readonly at: number }>()
  const isSettled = (network: string, isLost: boolean): boolean => {
    const before = since.get(network)
    const at = before?.isLost === isLost ? before.at : clock.now()
    since.set(network, { isLost, at })
    return clock.now() - at >= (isLost ? lostAfterMs : restoredAfterMs)
  }
  return ({ does, path }) => {
    const state = recorder.state()
    const networks = connectNames(state, name, me)
    const inUse = path === null ? undefined : networks[path]
    if (does === 'nothing' || path === null || inUse === undefined) {
      since.clear()
      return
    }
    const mirror = constructedMirror(state, name)
    const known = mirror === null ? [] : sideOf(mirror, me).lostNetworks
    // What is not settled counts as what was told last.
    const lost = networks.filter((network, at) => (isSettled(network, at < path) ? at < path : known.includes(network)))
    const seen = { mirror: name, server: me, lost, inUse, isServing: does === 'serve' }
    if (reportConnects(state, seen)) void recorder.submit(`connects ${name}`, (newest) => reportConnects(newest, seen))
  }
}
