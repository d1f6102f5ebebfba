/** Which networks a mirror is not connected over though it should be: what changes of that goes to the log. */
import type { MirrorEvent, MirrorName, ServerName } from '../events/index.ts'
import { sideOf } from '../projections/mirror-sides.ts'
import type { State } from '../projections/state.ts'
import { type Decision, together } from './decision.ts'
import { constructedMirror } from './mirror-pair.ts'

export type ConnectsSeen = {
  readonly mirror: MirrorName
  readonly server: ServerName
  /** Better ones than the one in use. */
  readonly lost: readonly string[]
  readonly inUse: string
  /** The loss is told by one side: the one that serves. Whatever it was that told it says when it is over. */
  readonly isServing: boolean
}

export const reportConnects = (
  state: State,
  { mirror: name, server, lost, inUse, isServing }: ConnectsSeen,
): Decision | null => {
  const mirror = constructedMirror(state, name)
  if (mirror === null) return null
  const known = sideOf(mirror, server).lostNetworks
  const because = `it is connected over ${inUse}`
  const losses = (isServing ? lost : [])
    .filter((network) => !known.includes(network))
    .map(
      (network): MirrorEvent => ({
        type: 'MirrorConnectLost',
        data: { mirror: name, server, network, because },
      }),
    )
  const returns = known
    .filter((network) => !lost.includes(network))
    .map((network): MirrorEvent => ({ type: 'MirrorConnectRestored', data: { mirror: name, server, network } }))
  const [first, ...more] = [...losses, ...returns]
  return first === undefined ? null : together([first, ...more], {}, null)
}
