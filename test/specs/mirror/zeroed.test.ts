/** Ranges that somebody discards, or makes zeros, while the other side is brought up. */
import { describe, expect, test } from 'vitest'
import { blockBytes, MirrorPair } from './mirror-pair.ts'

describe('what is made zeros before it was copied', () => {
  /** Twenty blocks, the even ones, are to be copied, some ten a second, and it has begun. */
  const copying = async () => {
    const pair = new MirrorPair({
      limits: { resync: { windowBytes: 4096, bytesPerSecond: 40_960, flushEveryBytes: 40_960 } },
    })
    await pair.pairUp()
    for (let block = 0; block < 64; block++) pair.write('alpha', block, 5)
    pair.flush('alpha')
    await pair.virtual.pass(5)
    pair.crash('beta')
    for (let block = 0; block < 40; block += 2) pair.write('alpha', block, 7)
    await pair.virtual.pass(3000)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(300)
    expect(pair.active('alpha').condition.pair).toBe('resyncing')
    const copied = new Set<number>()
    pair.filter = (one) => {
      if (one.isResync) for (let at = one.at; at < one.at + one.length; at += blockBytes) copied.add(at / blockBytes)
      return one
    }
    return { pair, copied }
  }

  test('is neither read nor sent by the copy, counts no more, and is equal on both sides', async () => {
    const { pair, copied } = await copying()
    const trimmed = pair.trim('alpha', 20, 30)
    await pair.virtual.pass(5)
    expect(trimmed.answer).toBeNull()
    await pair.virtual.pass(8000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 0 })
    expect([...copied].filter((block) => block >= 20 && block < 50)).toEqual([])
    expect(pair.told('resync').at(-1)).toMatchObject({
      state: 'ended',
      doneBytes: 10 * blockBytes,
      totalBytes: 10 * blockBytes,
    })
    expect([pair.areEqual(), pair.valueOf('beta', 20), pair.valueOf('beta', 49)]).toEqual([true, 0, 0])
  })

  test('is copied where it ends within a block', async () => {
    const { pair, copied } = await copying()
    pair.trim('alpha', 20.5, 4)
    await pair.virtual.pass(8000)
    expect([...copied].filter((block) => block >= 20 && block < 26)).toEqual([20, 24])
    expect(pair.areEqual()).toBe(true)
  })

  test.each([
    ['the side that follows loses its power', 'beta'],
    ['the side that serves does', 'alpha'],
  ] as const)('is copied after all when %s before it was flushed', async (_, lost) => {
    const { pair } = await copying()
    pair.trim('alpha', 20, 30)
    await pair.virtual.pass(5)
    pair.crash(lost, { keeps: () => false })
    if (lost === 'beta') pair.follow('beta')
    else pair.activate('alpha', true)
    pair.connect()
    await pair.virtual.pass(12_000)
    expect([pair.active('alpha').condition.pair, pair.areEqual()]).toEqual(['paired', true])
  })
})
