/** One seed of a joint simulation: faults for a while, then everything heals, and the mirror must be whole. */
import { type Command, mirrorName, serverName } from '../../../src/events/index.ts'
import { Chance } from '../../../src/sim/random.ts'
import { faults, type JointFault, order } from './faults.ts'
import { Joint, MirrorViolation } from './joint.ts'
import { group, mirror } from './joint-agent.ts'
import { type JointPlan, servers } from './joint-plan.ts'

export type JointOutcome = {
  readonly failure: string | null
  readonly history: readonly string[]
  readonly simulatedMs: number
  readonly acknowledged: number
}

const faultsMs = 40_000
const healMs = 120_000

export const planOf = (chance: Chance): JointPlan => ({
  blocks: chance.pick([24, 48]),
  blockBytes: 4096,
  regionBytes: 4096 * chance.pick([1, 4]),
  connects: chance.happens(0.5) ? ['cross', 'lan'] : ['cross'],
  writesEvery: chance.happens(0.5) ? [1, 12] : [5, 120],
  often: chance.happens(0.5) ? 0.7 : 0.2,
  flushes: chance.pick([0.12, 0.02]),
  mode: chance.happens(0.15) ? 'async' : 'sync',
  resyncRate: chance.pick([0, 0, 1]),
  mostOpen: 12,
  initial: chance.pick(['full', 'none']),
  compression: chance.happens(0.2),
})

/** `plan`, and only faults of these names: what makes something show early. */
export type JointWish = { readonly plan?: Partial<JointPlan>; readonly faults?: RegExp }

export const runJoint = async (seed: number, wish: JointWish = {}): Promise<JointOutcome> => {
  const joint = new Joint(seed, { ...planOf(new Chance(seed).split('plan')), ...wish.plan })
  return judged(joint, () => live(joint, wish))
}

/** What was seen of it that must never be. */
export const judged = async (joint: Joint, play: () => Promise<void>): Promise<JointOutcome> => {
  let failure: string | null = null
  const unhandled = (bug: unknown): void =>
    joint.violate(`a promise was rejected and nobody cared: ${bug instanceof Error ? bug.stack : String(bug)}`)
  process.on('unhandledRejection', unhandled)
  try {
    await play()
  } catch (trouble) {
    if (!(trouble instanceof MirrorViolation)) throw trouble
    failure = trouble.message
  } finally {
    process.off('unhandledRejection', unhandled)
  }
  const { history, now, judge } = joint
  return { failure, history, simulatedMs: now, acknowledged: judge.account.acknowledged }
}

const live = async (joint: Joint, wish: JointWish): Promise<void> => {
  const chance = joint.chance.split('faults')
  const drawn = faults.filter(() => chance.happens(chance.between(0.3, 0.9)))
  const mix = wish.faults ? faults.filter(({ name }) => wish.faults?.test(name)) : drawn
  const everyMs = chance.magnitude(300, 8000)
  for (const name of servers) joint.powerOn(name)
  const strike = (): void => {
    if (joint.now > faultsMs || mix.length === 0) return
    const fault: JointFault = chance.pick(mix)
    fault.strike(joint, chance)
    joint.scheduler.after(-Math.log(1 - chance.fraction()) * everyMs, strike)
  }
  joint.scheduler.after(chance.between(0, 15_000), strike)
  await joint.run(faultsMs)
  joint.heal()
  await recover(joint)
}

/** Faults have stopped: it is served, both sides have everything, and are equal. @throws MirrorViolation */
export const recover = async (joint: Joint): Promise<void> => {
  const end = joint.now + healMs
  // An operator gives up a copy only where the cluster does not help itself.
  let patience = joint.now + healMs / 3
  while (!(await isWholeForLong(joint))) {
    if (joint.now > end) throw new MirrorViolation(`not whole again: ${whatIsWrong(joint)}`)
    const isImpatient = joint.now > patience
    tend(joint, isImpatient)
    // What he has ordered takes its time.
    if (isImpatient) patience = joint.now + healMs / 8
  }
  const { serving } = joint
  const writer = serving && joint.writerOf(serving)
  if (!writer) throw new MirrorViolation('it was whole, and is not served any more')
  writer.pause()
  if (!(await joint.until(() => writer.open === 0, 10_000))) throw new MirrorViolation('writes are never answered')
  const flushed = writer.flush()
  await joint.run(1000)
  if (!(await Promise.race([flushed, Promise.resolve(false)]))) throw new MirrorViolation('a flush is not answered')
  for (const name of servers) {
    const objection = joint.judge.objectionTo(name)
    if (objection !== null) throw new MirrorViolation(objection)
  }
  if (!joint.areEqual()) throw new MirrorViolation('both sides have everything, and differ')
}

const wholeMs = 6000
const isWholeForLong = async (joint: Joint): Promise<boolean> => {
  const isWhole = (): boolean => {
    const known = joint.state.mirrors[mirror]
    return (
      joint.serving !== null && known?.stale === null && known.mayConnect && !known.split && known.orders.length === 0
    )
  }
  if (!isWhole()) {
    await joint.run(1000)
    return false
  }
  return !(await joint.until(() => !isWhole(), wholeMs))
}

const whatIsWrong = (joint: Joint): string => {
  const known = joint.state.mirrors[mirror]
  const sides = Object.entries(known?.sides ?? {}).map(
    ([name, { seen }]) => `${name}: ${JSON.stringify(seen?.verdict)}`,
  )
  return `served by ${joint.serving}, stale ${known?.stale}, ${sides.join(', ')}, ${JSON.stringify(joint.state.groups.web)}`
}

/** What only an operator may do. */
const tend = (joint: Joint, isImpatient: boolean): void => {
  const name = mirrorName('web', 'data')
  const known = joint.state.mirrors[mirror]
  const say = (command: Command): boolean => order(joint, joint.chance.split(`tend ${joint.now}`), command)
  if (joint.state.groups.web?.wanted === 'stopped') say({ do: 'start-group', group, server: null })
  if (known?.mayConnect === false) say({ do: 'connect-mirror', mirror: name })
  if (known?.detached && known.current) say({ do: 'move-group', group, server: known.current })
  if (known?.split) say({ do: 'rejoin-mirror', mirror: name })
  if (!isImpatient || joint.serving !== null || known?.forced) return
  if (!joint.isContentLost)
    joint.violate('nothing but giving up acknowledged writes would help, though no disk has lost them')
  const owned = joint.state.groups.web?.ownership.status === 'assigned'
  say(owned ? { do: 'stop-group', group } : { do: 'force-mirror', mirror: name, server: serverName('s1') })
  if (!owned) say({ do: 'force-mirror', mirror: name, server: serverName('s2') })
}
