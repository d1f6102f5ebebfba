/** What a scenario expects of a cluster: at once, within some time, or for as long as some time. */
import { isMirrorWhole } from '../scene.ts'
import type { Simulation } from '../simulation.ts'
import type { Outages } from './outages.ts'
import type { Template } from './sentences.ts'

export type Met = { readonly ok: boolean; readonly because: string }
export type Expectation = (sim: Simulation, outages: Outages) => Promise<Met>

/** What is so now; `is` says it when it is not what was expected. */
type Fact = { readonly isSo: (sim: Simulation) => boolean; readonly is: (sim: Simulation) => string }

const lookMs = 20

const now =
  ({ isSo, is }: Fact): Expectation =>
  async (sim) => ({ ok: isSo(sim), because: is(sim) })

const within =
  ({ isSo, is }: Fact, ms: number): Expectation =>
  async (sim) => {
    const began = sim.now
    const ok = await sim.until(() => isSo(sim), ms, lookMs)
    return { ok, because: ok ? `after ${secondsOf(sim.now - began)}` : is(sim) }
  }

const lasting =
  ({ isSo, is }: Fact, ms: number): Expectation =>
  async (sim) => {
    const began = sim.now
    const isOver = await sim.until(() => !isSo(sim), ms, lookMs)
    return { ok: !isOver, because: isOver ? `${is(sim)} after ${secondsOf(sim.now - began)}` : 'all the time' }
  }

export const secondsOf = (ms: number): string => `${(ms / 1000).toFixed(2)} s`

const runnersOf = (sim: Simulation, group: string): readonly string[] => [
  ...new Set(sim.ledger.running().flatMap((run) => (run.group === group ? [run.host] : []))),
]
const isWhole = (sim: Simulation, group: string): boolean => {
  const ownership = sim.state.groups[group]?.ownership
  const runs = sim.ledger.running().filter((run) => run.group === group)
  return (
    ownership?.status === 'assigned' &&
    ownership.phase === 'online' &&
    runs.length > 0 &&
    runs.every(({ isUp, isBroken, host }) => isUp && !isBroken && host === ownership.server)
  )
}
const whereIs = (sim: Simulation, group: string): string => {
  const hosts = runnersOf(sim, group)
  if (hosts.length === 0) return `${group} runs nowhere`
  return `${group} ${isWhole(sim, group) ? 'is online' : 'is not wholly up'} on ${hosts.join(' and ')}`
}

const onlineOn = (group: string, server: string): Fact => ({
  isSo: (sim) => isWhole(sim, group) && runnersOf(sim, group).every((host) => host === server),
  is: (sim) => whereIs(sim, group),
})
const online = (group: string): Fact => ({ isSo: (sim) => isWhole(sim, group), is: (sim) => whereIs(sim, group) })
const offline = (group: string): Fact => ({
  isSo: (sim) => runnersOf(sim, group).length === 0,
  is: (sim) => whereIs(sim, group),
})
const notOn = (group: string, server: string): Fact => ({
  isSo: (sim) => !runnersOf(sim, group).includes(server),
  is: (sim) => whereIs(sim, group),
})
const everything: Fact = {
  isSo: (sim) => sim.isEverythingOnline(),
  is: (sim) =>
    Object.keys(sim.state.groups)
      .map((group) => whereIs(sim, group))
      .join('; '),
}
const isUp = (server: string, wanted: 'up' | 'down'): Fact => ({
  isSo: (sim) => (sim.state.servers.byName[server]?.status === 'up') === (wanted === 'up'),
  is: (sim) => `${server} is ${sim.state.servers.byName[server]?.status ?? 'not known'}`,
})

/** Both sides have everything, and follow each other. */
const whole = (disk: string): Fact => ({
  isSo: ({ state: { mirrors } }) => isMirrorWhole(mirrors[disk]),
  is: ({ state: { mirrors } }) => {
    const known = mirrors[disk]
    if (known?.id == null) return `${disk} was not written to yet`
    return known.stale === null ? `${disk} is whole` : `${known.stale} lacks something of ${disk}`
  },
})

/** The fact as it is; soon; and for a while. */
const threeWays = (text: string, fact: (names: (word: string) => string) => Fact): readonly Template<Expectation>[] => [
  { text, means: ({ name }) => now(fact(name)) },
  { text: `${text} within <duration>`, means: ({ name, ms }) => within(fact(name), ms('duration')) },
  { text: `${text} for <duration>`, means: ({ name, ms }) => lasting(fact(name), ms('duration')) },
]

export const expectations: readonly Template<Expectation>[] = [
  ...threeWays('everything online', () => everything),
  ...threeWays('<group> online on <server>', (name) => onlineOn(name('group'), name('server'))),
  ...threeWays('<group> online', (name) => online(name('group'))),
  ...threeWays('<group> offline', (name) => offline(name('group'))),
  ...threeWays('<group> not on <server>', (name) => notOn(name('group'), name('server'))),
  ...threeWays('<server> up', (name) => isUp(name('server'), 'up')),
  ...threeWays('<server> down', (name) => isUp(name('server'), 'down')),
  ...threeWays('mirror <disk> whole', (name) => whole(name('disk'))),
  {
    text: '<group> interrupted for at most <duration>',
    means:
      ({ name, ms }) =>
      async (_, outages) => {
        const longest = outages.longest(name('group'))
        return { ok: longest <= ms('duration'), because: `the longest interruption was ${secondsOf(longest)}` }
      },
  },
]

/** Always checked; to be written where it helps the reader. */
export const promised: Template<Expectation> = {
  text: '<group> never on two servers',
  means: () => async () => ({ ok: true, because: 'checked at every step' }),
}
