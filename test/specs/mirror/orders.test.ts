/** What an operator or the agent may ask of the side that serves. */
import { describe, expect, test } from 'vitest'
import { mostToldRuns, Touched, TouchedEpochs } from '../../../src/mirror/engine/touched.ts'
import { blocks, MirrorPair } from './mirror-pair.ts'

const paired = async (): Promise<MirrorPair> => {
  const pair = new MirrorPair()
  await pair.pairUp()
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
  return pair
}
const copiedBlocks = (pair: MirrorPair): number[] => {
  const copied: number[] = []
  pair.filter = (one) => {
    if (one.isResync && (one.kind === 'write' || one.kind === 'trim'))
      for (let block = one.at / 4096; block < (one.at + one.length) / 4096; block++) copied.push(block)
    return one
  }
  return copied
}

describe('an operator who parts both sides', () => {
  test('waits for nobody: this side goes on alone as soon as the log has it', async () => {
    const pair = await paired()
    pair.active('alpha').operator.part('by an operator')
    await pair.virtual.pass(5)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', because: 'by an operator' })
    expect(pair.log.said.slice(2)).toEqual(['break alpha'])
  })

  test('while a resync runs interrupts it', async () => {
    const pair = await paired()
    pair.active('alpha').operator.part('by an operator')
    await pair.virtual.pass(5)
    for (let block = 0; block < 8; block++) pair.write('alpha', block, 1)
    pair.filter = (one) => (one.kind === 'ack' ? null : one)
    pair.connect()
    await pair.virtual.pass(20)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'resyncing' })
    pair.active('alpha').operator.part('by an operator')
    await pair.virtual.pass(5)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', dirtyBlocks: 8 })
    expect(pair.told('resync').map(({ state }) => state)).toEqual(['started', 'ended', 'started', 'interrupted'])
  })
})

describe('a resync by order', () => {
  test('of everything copies everything, after the log knows that the other side does not count', async () => {
    const pair = await paired()
    const copied = copiedBlocks(pair)
    expect(pair.active('alpha').operator.resync(true)).toBeNull()
    await pair.virtual.pass(100)
    pair.connect()
    await pair.virtual.pass(1000)
    expect(copied).toEqual(Array.from({ length: blocks }, (_, block) => block))
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 0 })
    expect(pair.log.said.slice(2)).toEqual(['break alpha', 'join'])
  })

  test('of what is marked changes nothing when nothing is', async () => {
    const pair = await paired()
    expect(pair.active('alpha').operator.resync(false)).toBeNull()
    await pair.virtual.pass(1000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    expect(pair.log.said).toEqual(['break alpha', 'join'])
  })

  test('of everything while some is copied already begins at the front again', async () => {
    const pair = await paired()
    pair.crash('beta')
    await pair.virtual.pass(3000)
    for (const block of [40, 41]) pair.write('alpha', block, 7)
    pair.follow('beta')
    const copied = copiedBlocks(pair)
    pair.connect()
    await pair.virtual.pass(4)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'resyncing' })
    expect(pair.active('alpha').operator.resync(true)).toBeNull()
    await pair.virtual.pass(2000)
    expect(new Set(copied).size).toBe(blocks)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 0 })
  })

  test('while the other side is away is kept on disk until it comes', async () => {
    const pair = await paired()
    pair.crash('beta')
    await pair.virtual.pass(3000)
    expect(pair.active('alpha').operator.resync(true)).toBeNull()
    expect(pair.servers.alpha.open().dirty.marks.count).toBe(blocks)
  })
})

test('what was never used does not travel, and reads as zeros on the other side whatever was there', async () => {
  const pair = new MirrorPair()
  pair.servers.beta.data.content.fill(0xbd)
  let bytes = 0
  pair.filter = (one) => {
    if (one.isResync) bytes += one.payload.length
    return one
  }
  await pair.pairUp()
  expect(pair.areEqual()).toBe(true)
  expect(bytes).toBe(0)
})

test('a resync tells when it starts, how far it is, and when it ends', async () => {
  const pair = new MirrorPair({
    limits: { resync: { windowBytes: 4096, bytesPerSecond: 32_768, flushEveryBytes: 16_384 } },
  })
  await pair.pairUp()
  await pair.virtual.pass(20_000)
  pair.active('alpha').operator.part('by an operator')
  await pair.virtual.pass(5)
  for (let block = 0; block < blocks; block += 2) pair.write('alpha', block, 1)
  pair.connect()
  await pair.virtual.pass(20_000)
  const [first, ...more] = pair
    .told('resync')
    .slice(pair.told('resync').findLastIndex(({ state }) => state === 'started'))
  const total = (blocks / 2) * 4096
  expect(first).toMatchObject({ state: 'started', copy: 'differences', doneBytes: 0, totalBytes: total })
  expect(more.at(-1)).toMatchObject({ state: 'ended', doneBytes: total, totalBytes: total })
  const between = more.slice(0, -1)
  expect(between.length).toBeGreaterThanOrEqual(2)
  expect(between.every(({ state }) => state === 'progress')).toBe(true)
  expect(between.map(({ doneBytes }) => doneBytes)).toEqual(
    between.map(({ doneBytes }) => doneBytes).toSorted((a, b) => a - b),
  )
})

test('how often the other side saved its metadata is known from its answers', async () => {
  const pair = await paired()
  expect(pair.active('alpha').peerSaves).toBe(pair.servers.beta.partition?.saves)
})

/** Of a disk of a GiB, and of larger ones. */
const extentBytes = 1_048_576
const GiB = 1024 * extentBytes

describe('extents that were written', () => {
  test('are told until they are recorded, and not again', () => {
    const touched = new Touched(GiB, 1, true)
    touched.add({ at: extentBytes / 2, length: extentBytes })
    touched.add({ at: 99 * extentBytes, length: 4096 })
    const told = touched.tell()
    expect(told).toMatchObject({
      runs: [
        { at: 0, length: 2 * extentBytes },
        { at: 99 * extentBytes, length: extentBytes },
      ],
      isComplete: true,
    })
    const again = touched.tell()
    expect(again.runs).toEqual(told.runs)
    touched.recorded(told.number)
    expect(touched.tell().runs, 'the number of an earlier answer').toEqual(told.runs)
    touched.recorded(touched.tell().number)
    touched.add({ at: 0, length: 4096 })
    expect(touched.tell().runs).toEqual([])
  })

  test('that came while an answer was recorded come with the next', () => {
    const touched = new Touched(GiB, 1, true)
    touched.add({ at: 0, length: 1 })
    const { number } = touched.tell()
    touched.add({ at: 5 * extentBytes, length: 1 })
    touched.recorded(number)
    expect(touched.tell().runs).toEqual([{ at: 5 * extentBytes, length: extentBytes }])
  })

  test('in more runs than fit are told in part, and that it is a part', () => {
    const touched = new Touched(4 * GiB, 1, true)
    for (let extent = 0; extent < 2 * (mostToldRuns + 10); extent += 2)
      touched.add({ at: extent * extentBytes, length: 1 })
    const first = touched.tell()
    expect([first.runs.length, first.isComplete]).toEqual([mostToldRuns, false])
    touched.recorded(first.number)
    expect(touched.tell()).toMatchObject({ runs: { length: 10 }, isComplete: true })
  })

  test('are never complete when an earlier process wrote under the same epoch', async () => {
    expect(new Touched(GiB, 1, false).tell().isComplete).toBe(false)
  })

  test('end at the end of the disk', () => {
    const touched = new Touched(GiB + 4096, 1, true)
    touched.add({ at: GiB, length: 4096 })
    expect(touched.tell().runs).toEqual([{ at: GiB, length: 4096 }])
  })

  test('are smaller on a small disk', () => {
    const touched = new Touched(48 * extentBytes, 1, true)
    touched.add({ at: 4096, length: 1 })
    expect(touched.tell().runs).toEqual([{ at: 0, length: 65_536 }])
  })

  test('are kept for each epoch until the log has them, and that it is over', () => {
    const touches = new TouchedEpochs()
    const told = () => touches.tell(({ epoch }) => (epoch === 2 ? 'paired' : 'over'))
    touches.begin(1, GiB, true).add({ at: 0, length: 1 })
    expect(touches.begin(1, GiB, false).tell(), 'one process goes on with what it has').toMatchObject({
      isComplete: true,
      runs: [{ at: 0 }],
    })
    touches.begin(2, GiB, true).add({ at: 5 * extentBytes, length: 1 })
    const [first, second] = told()
    expect([first, second]).toMatchObject([
      { epoch: 1, as: 'over', runs: [{ at: 0 }] },
      { epoch: 2, as: 'paired', runs: [{ at: 5 * extentBytes }] },
    ])
    for (const one of [first, second]) if (one) touches.recorded({ ...one, isOver: one.as === 'over' })
    expect(told()).toMatchObject([{ epoch: 2, runs: [] }])
  })

  test('are known to the side that follows, too, from the moment when both were joined', async () => {
    const pair = await paired()
    pair.write('alpha', 3, 1)
    pair.write('alpha', 11, 2)
    await pair.virtual.pass(50)
    const { touches } = pair.servers.beta
    const [told] = touches.tell(() => 'over')
    expect(told).toMatchObject({ epoch: pair.log.epoch, isComplete: true })
    expect(told?.runs).toEqual([
      { at: 3 * 4096, length: 4096 },
      { at: 11 * 4096, length: 4096 },
    ])
  })

  test('are not all known to a side that was started anew: the log is asked again to join both', async () => {
    const pair = await paired()
    pair.write('alpha', 3, 1)
    pair.flush('alpha')
    await pair.virtual.pass(50)
    const asked = () => pair.log.said.filter((one) => one === 'join').length
    const before = asked()
    pair.connect()
    await pair.virtual.pass(200)
    expect(asked(), 'the same process').toBe(before)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(200)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    expect(asked(), 'another one').toBe(before + 1)
  })
})
