/** One seed from its first boot to the demand that everything is well again. */
import { whileSuspended } from '../decisions/report-group.ts'
import { type Command, groupName, monitorName, serverName } from '../events/index.ts'
import type { Chance } from './random.ts'
import { readmit, unbelievedVoters } from './rare-faults.ts'
import { reportOf } from './report.ts'
import { Simulation, Violation } from './simulation.ts'
import type { Scenario } from './swarm.ts'

/** One fault, as it struck: with the same chance at the same time it strikes in the same way. */
export type Strike = { readonly at: number; readonly fault: string; readonly chance: Chance }

export type SeedOutcome = {
  readonly seed: number
  readonly trace: string
  readonly simulatedMs: number
  readonly commits: number
  readonly steps: number
  readonly strikes: readonly Strike[]
  /** What a person needs to see what went wrong; null when nothing did. */
  readonly failure: string | null
}

/** How soon everything has to be well after the last fault, beside what follows from T. */
const progressMs = 180_000
const progressTimeouts = 12
/** How often an operator looks after what only operators may mend. */
const lookMs = 5000

/** `again`: the command that runs this scenario once more, for the report of a failure; null where there is none. */
export const runSeed = async (scenario: Scenario, again: string | null = null): Promise<SeedOutcome> => {
  const sim = new Simulation({ seed: scenario.seed, plan: scenario.plan })
  const strikes: Strike[] = []
  let failure: string | null = null
  try {
    await live(sim, scenario, strikes)
  } catch (trouble) {
    if (!(trouble instanceof Violation)) throw trouble
    failure = reportOf(sim, scenario, { failure: trouble.message, again })
  }
  const { trace, now, commits, scheduler } = sim
  return {
    seed: scenario.seed,
    trace,
    simulatedMs: now,
    commits: commits.length,
    steps: scheduler.steps,
    strikes,
    failure,
  }
}

const live = async (sim: Simulation, scenario: Scenario, struck: Strike[]): Promise<void> => {
  const { faults, everyMs, faultsMs, strikes } = scenario
  const chance = sim.chance.split('faults')
  sim.boot()
  const strike = () => {
    if (sim.now > faultsMs || faults.length === 0) return
    const fault = chance.pick(faults)
    struck.push({ at: sim.now, fault: fault.name, chance: chance.fork() })
    fault.strike(sim, chance)
    // Exponential: faults come alone, and in swarms.
    sim.after(-Math.log(1 - chance.fraction()) * everyMs, strike)
  }
  const first = chance.between(0, 20_000)
  if (strikes === undefined) sim.after(first, strike)
  for (const one of strikes ?? [])
    sim.at(one.at, () => {
      struck.push(one)
      faults.find(({ name }) => name === one.fault)?.strike(sim, one.chance.fork())
    })
  await sim.run(faultsMs)
  sim.heal()
  await recover(sim)
}

/** Demands that everything is well within the bound. @throws Violation */
export const recover = async (sim: Simulation): Promise<void> => {
  const end = sim.now + progressMs + progressTimeouts * sim.configuration.heartbeat.timeout
  // What struck at last mends itself a while later; and a cluster needs a moment to see it.
  const patience = sim.now + progressMs / 2
  while (!sim.isWell() && sim.now < end) {
    await sim.run(lookMs)
    if (!sim.isWell()) mend(sim, sim.now > patience)
  }
  if (!sim.isWell()) throw new Violation(`not everything is online again: ${whatIsWrong(sim)}`)
  await settleMirrors(sim)
  sim.settled()
}

const stillMs = 60_000
const flushMs = 10_000
/** A group may move meanwhile: it fails back. */
const mostFlushes = 5

/** Nobody writes any more, what was written is answered and durable: then copies can be compared. @throws Violation */
const settleMirrors = async (sim: Simulation): Promise<void> => {
  const { mirrors } = sim.cluster
  if (mirrors.all.length === 0) return
  mirrors.quiet()
  for (let attempt = 0; attempt < mostFlushes; attempt++) {
    await sim.until(() => sim.isWell() && mirrors.areStill(), stillMs)
    let isDurable: boolean | null = null
    void mirrors.flush().then((isSo) => {
      isDurable = isSo
    })
    await sim.until(() => isDurable !== null, flushMs)
    if (isDurable && sim.isWell() && mirrors.areStill()) return
  }
  throw new Violation(`mirrors do not come to rest: ${whatIsWrong(sim)}`)
}

/** What only an operator may do: groups that failed or were stopped, a suspended cluster, stopped servers, those that a fence has switched off. */
const mend = (sim: Simulation, isImpatient: boolean): void => {
  // Its copy of a mirror may be the only current one.
  if (isImpatient) for (const host of sim.hosts) if (!sim.cluster.host(host).isOn) sim.powerOn(host)
  const { cluster, servers, groups, monitors } = sim.state
  const orders: readonly Command[] = [
    ...(cluster.suspended ? [{ do: 'resume-cluster' as const }] : []),
    ...(cluster.stopped ? [{ do: 'start-cluster' as const }] : []),
    ...Object.values(servers.byName).flatMap(({ name, stopOrdered }): Command[] =>
      stopOrdered ? [{ do: 'start-server', server: serverName(name) }] : [],
    ),
    ...Object.entries(monitors).flatMap(([name, { suspendedOn }]): Command[] =>
      suspendedOn.length > 0 ? [{ do: 'resume-monitor', monitor: monitorName(name), server: null }] : [],
    ),
    ...Object.values(groups).flatMap(({ name, wanted, ownership }): Command[] => {
      const isFailed = ownership.status === 'assigned' && ownership.phase === 'failed'
      if (isImpatient && isLeftBroken(sim, name)) return [{ do: 'stop-group', group: groupName(name) }]
      return wanted === 'stopped' || isFailed ? [{ do: 'start-group', group: groupName(name), server: null }] : []
    }),
  ]
  const [server] = sim.servers
  for (const voter of unbelievedVoters(sim)) for (const one of sim.servers) readmit(sim, voter, one)
  for (const order of [...orders, ...mirrorOrders(sim)]) if (server !== undefined) sim.order(server, order)
}

/** The log says why nothing is done about it, such as that it was restarted as often as it may be. All else mends itself. */
const isLeftBroken = (sim: Simulation, group: string): boolean => {
  const { state, ledger } = sim
  const owner = sim.ownerOf(group) ?? ''
  const isBroken = ledger.running().some((run) => run.group === group && run.isBroken)
  const isSaid = Object.entries(state.monitors).some(([name, { servers }]) => {
    const suppressed = servers[owner]?.suppressed ?? null
    const target = state.configuration.current?.monitors[name]?.target?.group
    return (target === group || name.startsWith(`${group}.`)) && suppressed !== null && suppressed !== whileSuspended
  })
  return isBroken && isSaid
}

/** Operators have kept them apart; or a disk has failed, and the group is served from the other server's. */
const mirrorOrders = ({ state, cluster: { mirrors } }: Simulation): readonly Command[] =>
  mirrors.all.flatMap(({ name, group }): Command[] => {
    const known = state.mirrors[name]
    return [
      ...(known?.mayConnect === false ? [{ do: 'connect-mirror' as const, mirror: name }] : []),
      ...(known?.split ? [{ do: 'rejoin-mirror' as const, mirror: name }] : []),
      ...(known?.detached && known.current
        ? [{ do: 'move-group' as const, group: groupName(group), server: known.current }]
        : []),
    ]
  })

const whatIsWrong = (sim: Simulation): string => {
  const runs = sim.ledger.running().map(({ host, group, resource }) => `${group}/${resource} on ${host}`)
  const groups = Object.values(sim.state.groups).map(({ name, wanted, ownership, waiting }) => {
    const where = ownership.status === 'assigned' ? `${ownership.phase} on ${ownership.server}` : ownership.because
    return `${name} is ${ownership.status} (${where}), wanted ${wanted}${waiting ? `, ${waiting.because}` : ''}`
  })
  const { isAlone, head } = sim.state.logSides
  const alone = isAlone ? `; the log is with ${head} alone` : ''
  const mirrors = sim.cluster.mirrors.all.map(({ name }) => `${name} ${mirrorWords(sim, name)}`)
  return `${[...groups, ...mirrors].join('; ')}${alone}; there run: ${runs.join(', ') || 'nothing'}`
}

const mirrorWords = ({ state }: Simulation, name: string): string => {
  const { stale, mayConnect, split, detached, sides } = state.mirrors[name] ?? {}
  const seen = Object.entries(sides ?? {}).map(([server, side]) => `${server}: ${JSON.stringify(side.seen?.verdict)}`)
  return `stale ${stale}, ${JSON.stringify({ mayConnect, split, detached })}, ${seen.join(', ')}`
}
