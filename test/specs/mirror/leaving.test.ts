/** A side that serves leaves in order. */
import { describe, expect, test } from 'vitest'
import type { MirrorJoin } from '../../../src/mirror/engine/authority.ts'
import { Standby } from '../../../src/mirror/engine/standby.ts'
import { MirrorPair, type Name, other, type PairOptions } from './mirror-pair.ts'

const paired = async (options: PairOptions = {}): Promise<MirrorPair> => {
  const pair = new MirrorPair(options)
  await pair.pairUp()
  return pair
}

describe('after an orderly leave', () => {
  /** Alpha has written, not flushed, and leaves; the power of both goes. */
  const afterLeave = async () => {
    const pair = await paired()
    for (const block of [3, 9, 40]) pair.write('alpha', block, 7)
    const left = pair.active('alpha').leaveInStep('this side leaves', 1000)
    expect(pair.write('alpha', 5, 1).answer, 'nobody is served any more').toBe('ESHUTDOWN')
    await pair.virtual.pass(100)
    await left
    expect(pair.servers.alpha.side).toMatchObject({ condition: { pair: 'stopped' } })
    const { beta } = pair.servers
    if (beta.side instanceof Standby) beta.side.leave()
    for (const name of ['alpha', 'beta'] as const) pair.crash(name, { keeps: () => false })
    pair.log.said.length = 0
    return pair
  }
  const servedBy = async (pair: MirrorPair, name: Name): Promise<number> => {
    let copied = 0
    pair.filter = (one) => {
      if (one.isResync) copied += 1
      return one
    }
    pair.follow(other(name))
    expect(pair.activate(name)).toBeNull()
    pair.connect()
    const written = pair.write(name, 11, 9)
    await pair.virtual.pass(500)
    expect([written.answer, pair.active(name).condition.pair, pair.areEqual()]).toEqual([null, 'paired', true])
    expect([pair.valueOf(name, 3), pair.valueOf(name, 40)]).toEqual([7, 7])
    return copied
  }

  test.each(['alpha', 'beta'] as const)('nothing is copied, and nothing breaks, when %s serves next', async (name) => {
    const pair = await afterLeave()
    expect(await servedBy(pair, name)).toBe(0)
    expect(pair.log.said).toEqual(['join'])
  })

  test('the side that follows next has saved the epoch before the log calls it current', async () => {
    const pair = await afterLeave()
    pair.follow('alpha')
    expect(pair.activate('beta')).toBeNull()
    const { joinMirror } = pair.log
    const epochs: (number | undefined)[] = []
    Reflect.set(pair.log, 'joinMirror', async (event: MirrorJoin) => {
      epochs.push(pair.servers.alpha.partition?.state.epoch)
      return joinMirror(event)
    })
    pair.connect()
    await pair.virtual.pass(500)
    expect([epochs, pair.log.said]).toEqual([[pair.log.epoch], ['join']])
  })

  test('of a side that cannot reach the other one in time the marks stay', async () => {
    const pair = await paired()
    pair.write('alpha', 3, 7)
    pair.filter = (one) => (one.kind === 'ack' ? null : one)
    pair.log.said.length = 0
    const left = pair.active('alpha').leaveInStep('this side leaves', 50)
    await pair.virtual.pass(100)
    // What was acknowledged the other side has.
    expect([await left, pair.log.said]).toEqual([null, []])
    const { partition } = pair.servers.alpha
    expect([partition?.state.role, [...(partition?.intent.marks.indexes() ?? [])]]).toEqual(['active', [0]])
  })
})

describe('an asynchronous side that leaves', () => {
  /** Alpha has acknowledged and flushed what beta lacks. */
  const ahead = async (how: 'slow' | 'cut'): Promise<MirrorPair> => {
    const pair = await paired({ mode: 'async', limits: { ackMs: 60_000, reconnectMs: 4000 } })
    pair.log.said.length = 0
    if (how === 'slow') pair.filter = (one) => (one.kind === 'write' || one.kind === 'flush' ? null : one)
    else pair.cut()
    const answers = [pair.write('alpha', 7, 42), pair.flush('alpha')]
    await pair.virtual.pass(5)
    expect(answers).toEqual([{ answer: null }, { answer: null }])
    return pair
  }

  test.each([['slow'], ['cut']] as const)(
    'leaves the other one behind on the log when that lacks something (%s)',
    async (how) => {
      const pair = await ahead(how)
      const left = pair.active('alpha').leaveInStep('this side leaves', 500)
      await pair.virtual.pass(600)
      expect([await left, pair.active('alpha').condition.pair]).toEqual([null, 'stopped'])
      expect([pair.log.said, [...pair.log.current]]).toEqual([['break alpha'], ['alpha']])
      pair.crash('alpha')
      pair.filter = (one) => one
      expect(pair.activate('beta')).toMatch(/the log calls the other side current/)
      pair.follow('beta')
      expect(pair.activate('alpha')).toBeNull()
      pair.connect()
      await pair.virtual.pass(1000)
      expect([pair.active('alpha').condition.pair, pair.areEqual()]).toEqual(['paired', true])
      expect(pair.valueOf('beta', 7)).toBe(42)
    },
  )

  test('has not left as long as the log has not recorded that', async () => {
    const pair = await ahead('cut')
    pair.log.isWritable = false
    const left = pair.active('alpha').leaveInStep('this side leaves', 500)
    await pair.virtual.pass(600)
    expect(await left).toMatch(/the log has not recorded yet/)
    expect(pair.active('alpha').condition.pair).toBe('holding')
    expect(pair.write('alpha', 8, 1).answer).toBe('ESHUTDOWN')
    const again = pair.active('alpha').leaveInStep('this side leaves', 5000)
    pair.log.isWritable = true
    await pair.virtual.pass(1000)
    expect([await again, pair.log.said, pair.active('alpha').condition.pair]).toEqual([
      null,
      ['break alpha'],
      'stopped',
    ])
  })

  test('needs no word of the log when the other one has everything', async () => {
    const pair = await paired({ mode: 'async' })
    pair.log.said.length = 0
    pair.write('alpha', 7, 42)
    const left = pair.active('alpha').leaveInStep('this side leaves', 500)
    await pair.virtual.pass(100)
    expect([await left, pair.log.said, pair.valueOf('beta', 7)]).toEqual([null, [], 42])
  })
})
