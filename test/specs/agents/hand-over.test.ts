import { describe, expect, test } from 'vitest'
import type { CommandProgress } from '../../../src/agents/control-protocol.ts'
import { handOver } from '../../../src/agents/hand-over.ts'
import { giveUpLease, renounce } from '../../../src/decisions/liveness.ts'
import { sequence } from '../../../src/events/index.ts'
import { generation, members, s1, s2, Voter, withGeneration } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** s1, asked to hand over its generation 5. */
const setUp = () => {
  const virtual = new VirtualWorld()
  const known = new Voter('s1')
  const so = { isLogReachable: false, isAllOff: false, reachable: new Set<string>([s1, s2]), membership: members }
  const steps: CommandProgress[] = []
  let woken = 0
  const handing = handOver(virtual.world, {
    me: s1,
    voter: { liveness: () => known.l, membership: () => so.membership, reachable: () => so.reachable },
    log: { status: () => ({ reachable: so.isLogReachable, leader: null, last: sequence(0), replicas: [] }) },
    runner: { isAllOff: () => so.isAllOff },
    wake: () => {
      woken += 1
    },
  })
  const ask = () => void handing.ask((step) => steps.push(step), 10_000)
  const last = () => steps.at(-1)
  return { handing, ask, steps, last, so, known, pass: virtual.pass, woken: () => woken }
}

describe('a server that hands over without the log', () => {
  test('is to have everything off, then renounces, and is done when another took note', async () => {
    const { handing, ask, last, so, known, pass, woken } = setUp()
    ask()
    expect(handing.generation()).toBe(5)
    expect(woken()).toBe(1)
    await pass(1000)
    so.isAllOff = true
    await pass(1000)
    expect(last()?.step).toBe('progress')
    known.l = renounce(giveUpLease(known.l, generation(5)), generation(5))
    await pass(1000)
    expect(handing.generation()).toBeNull()
    const supports = { s1: { generation: generation(5), reason: 'renounced' as const } }
    known.l = { ...known.l, said: { ...known.l.said, [s2]: { store: 'store-s2', supports } } }
    await pass(100)
    expect(last()).toMatchObject({ step: 'done', detail: 's2 took note' })
  })
  test('says when something does not stop, and goes on trying', async () => {
    const { handing, ask, last, pass } = setUp()
    ask()
    await pass(11_000)
    expect(last()).toMatchObject({ step: 'timed-out' })
    expect(handing.generation()).toBe(5)
  })
  test('is not bound any more once it has joined anew', async () => {
    const { handing, ask, last, so, pass } = setUp()
    ask()
    so.membership = withGeneration(9)
    await pass(100)
    expect(handing.generation()).toBeNull()
    await pass(10_000)
    expect(last()).toMatchObject({ step: 'failed' })
  })
})

describe('handing over without the log is refused', () => {
  const refused = (change: (set: ReturnType<typeof setUp>) => void) => {
    const set = setUp()
    change(set)
    set.ask()
    expect(set.handing.generation()).toBeNull()
    return set.last()
  }
  test('where the log can be written', () => {
    const change = ({ so }: ReturnType<typeof setUp>) => {
      so.isLogReachable = true
    }
    expect(refused(change)).toMatchObject({ step: 'refused', possible: 'baton server stop s1' })
  })
  test('where no other server hears of it', () => {
    const change = ({ so }: ReturnType<typeof setUp>) => {
      so.reachable = new Set<string>([s1])
    }
    expect(refused(change)).toMatchObject({ step: 'refused', because: expect.stringContaining('nobody would hear') })
  })
  test('where there is nothing to hand over', () => {
    const change = ({ known }: ReturnType<typeof setUp>) => {
      known.l = renounce(known.l, generation(5))
    }
    expect(refused(change)).toMatchObject({ step: 'refused', because: expect.stringContaining('already') })
  })
})
