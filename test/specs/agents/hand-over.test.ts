import { describe, expect, test } from 'vitest'
import type { CommandProgress } from '../../../src/agents/control-protocol.ts'
import { handOver } from '../../../src/agents/hand-over.ts'
import { giveUpLease, renounce } from '../../../src/decisions/liveness.ts'
import { sequence } from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'
import { cluster, failed, seen, webOnS1 } from '../decisions/demo.ts'
import { generation, members, s1, s2, Voter, withGeneration } from '../liveness/voters.ts'
import { type Given, spec } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** s1, asked to hand over its generation 5. */
const setUp = () => {
  const virtual = new VirtualWorld()
  const known = new Voter('s1')
  const so = {
    isLogReachable: false,
    isAllOff: false,
    isStuck: false,
    story: [...cluster(), ...webOnS1, failed('web', 5)] as readonly Given[],
    reachable: new Set<string>([s1, s2]),
    membership: members,
  }
  const steps: CommandProgress[] = []
  const said: object[] = []
  let woken = 0
  const handing = handOver(virtual.world, {
    me: s1,
    voter: { liveness: () => known.l, membership: () => so.membership, reachable: () => so.reachable },
    log: { status: () => ({ reachable: so.isLogReachable, leader: null, last: sequence(0), replicas: [] }) },
    runner: {
      isAllOff: () => so.isAllOff,
      observed: () => [seen('address', 'on'), seen('httpd', so.isStuck ? 'stuck' : 'deactivating')],
    },
    recorder: { state: () => spec.given(...so.story).state() },
    say: (what, fields) => said.push({ what, ...fields }),
    wake: () => {
      woken += 1
    },
  })
  const ask = () => void handing.ask((step) => steps.push(step), 10_000)
  /** Asked, with something that cannot be stopped, and the log is there again. */
  const askStuck = (): void => {
    ask()
    so.isStuck = true
    so.isLogReachable = true
  }
  const last = () => steps.at(-1)
  return { handing, ask, askStuck, steps, said, last, so, known, pass: virtual.pass, woken: () => woken }
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
  test('goes on as if it had not been asked once the log can be written, and something is stuck', async () => {
    const { handing, ask, last, said, so, pass } = setUp()
    ask()
    so.isStuck = true
    await pass(1000)
    handing.look()
    expect(handing.generation()).toBe(5)
    so.isLogReachable = true
    handing.look()
    expect(handing.generation()).toBeNull()
    await pass(100)
    const because = 'web/httpd cannot be stopped, and the log can be written again: nothing is given up'
    expect(last()).toMatchObject({ step: 'failed', detail: because })
    handing.look()
    expect(said).toEqual([{ what: 'a hand-over has ended', because, generation: 5, possible: 'baton server stop s1' }])
  })
  test('keeps to it where the log can be written, and everything goes down', async () => {
    const { handing, ask, so } = setUp()
    ask()
    so.isLogReachable = true
    handing.look()
    expect(handing.generation()).toBe(5)
  })
  test('keeps its word once it is being written down, whatever is stuck since', async () => {
    const { handing, ask, said, so, known } = setUp()
    ask()
    known.l = giveUpLease(known.l, generation(5))
    so.isStuck = true
    so.isLogReachable = true
    handing.look()
    expect(handing.generation()).toBe(5)
    expect(said).toEqual([])
  })
  test.each([
    ['its group has failed on the log', [...cluster(), ...webOnS1]],
    [
      'the final action has moved the others',
      [...cluster(), ...webOnS1, fact('ServerStopOrdered', { server: 's1', because: 'web could not be stopped' })],
    ],
  ])('keeps to it until %s', (_, story) => {
    const { handing, askStuck, so } = setUp()
    askStuck()
    so.story = story
    handing.look()
    expect(handing.generation()).toBe(5)
  })
  test('may be asked again after that', async () => {
    const { handing, ask, askStuck, last, so, pass } = setUp()
    askStuck()
    handing.look()
    await pass(100)
    so.isLogReachable = false
    ask()
    expect(handing.generation()).toBe(5)
    await pass(100)
    expect(last()).toMatchObject({ step: 'progress' })
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
