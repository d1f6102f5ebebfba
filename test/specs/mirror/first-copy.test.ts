/** A copy that is interrupted goes on where it stood, whichever side is started anew; and not where that cannot be known. */
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { blockBytes, blocks, MirrorPair } from './mirror-pair.ts'

const flushEvery = 16
const limits = {
  resync: { windowBytes: 4 * blockBytes, bytesPerSecond: null, flushEveryBytes: flushEvery * blockBytes },
}
const none = { keeps: () => false }

/** A mirror whose first copy has stopped once so many blocks were sent. */
const stoppedAfter = async (sent: number): Promise<MirrorPair> => {
  const pair = new MirrorPair({ limits })
  for (let block = 0; block < blocks; block++)
    pair.servers.alpha.data.damage(block * blockBytes, new Uint8Array(blockBytes).fill(block + 1))
  await goOn(pair, sent)
  return pair
}

/** Whatever is left of the copy travels; more than `sent` blocks of it are lost on the way. */
const goOn = async (
  pair: MirrorPair,
  sent = Number.POSITIVE_INFINITY,
  begin: (pair: MirrorPair) => Promise<void> = (one) => one.pairUp(),
): Promise<void> => {
  let left = sent
  // Block by block: otherwise all of so small a mirror is one chunk.
  pair.servers.alpha.data.before = ({ do: operation, at, length }) => {
    if (operation === 'read' && length > blockBytes)
      throw new DiskTrouble('alpha', 'read', 'too much', { operation, at, length })
  }
  pair.filter = (one) => {
    if (one.kind === 'write' && one.isResync) left -= one.length / blockBytes
    return left < 0 ? null : one
  }
  await begin(pair)
  pair.filter = (one) => one
}

const startBeta = async (pair: MirrorPair): Promise<void> => {
  pair.follow('beta')
  pair.connect()
  await pair.virtual.pass(3000)
}
const startAlpha = async (pair: MirrorPair): Promise<void> => {
  pair.follow('beta')
  expect(pair.activate('alpha')).toBeNull()
  pair.connect()
  await pair.virtual.pass(3000)
}

/** Answers what puts both its disks back. */
const backUpBeta = ({ servers: { beta } }: MirrorPair): (() => void) => {
  const backups = [beta.data, beta.metadata].map((disk) => ({ disk, content: Uint8Array.from(disk.content) }))
  return () => {
    for (const { disk, content } of backups) disk.damage(0, content)
  }
}

const copiedAtLast = (pair: MirrorPair): unknown => pair.told('resync').findLast(({ state }) => state === 'ended')
const rest = { doneBytes: (blocks - 2 * flushEvery) * blockBytes }

describe('a first copy of which a half is durable on both sides', () => {
  test.each<[string, (pair: MirrorPair) => Promise<void>]>([
    [
      'the connection is lost',
      async (pair) => {
        pair.connect()
        await pair.virtual.pass(3000)
      },
    ],
    [
      'the process that follows ends',
      (pair) => {
        pair.crash('beta')
        return startBeta(pair)
      },
    ],
    [
      'the server that follows loses its power',
      (pair) => {
        pair.crash('beta', none)
        return startBeta(pair)
      },
    ],
    [
      'the process that serves ends',
      (pair) => {
        pair.crash('alpha')
        return startAlpha(pair)
      },
    ],
    [
      'the server that serves loses its power',
      (pair) => {
        pair.crash('alpha', none)
        return startAlpha(pair)
      },
    ],
    [
      'both lose their power',
      (pair) => {
        pair.crash('beta', none)
        pair.crash('alpha', none)
        return startAlpha(pair)
      },
    ],
  ])('copies the other half when %s', async (_what, interrupted) => {
    const pair = await stoppedAfter(40)
    expect(pair.active('alpha').condition.pair).toBe('resyncing')
    await interrupted(pair)
    expect(pair.active('alpha').condition.pair).toBe('paired')
    expect(copiedAtLast(pair)).toMatchObject(rest)
    expect(pair.areEqual()).toBe(true)
  })

  test('copies what is written meanwhile, too', async () => {
    const pair = await stoppedAfter(40)
    pair.crash('beta', none)
    const written = pair.write('alpha', 3, 99)
    await pair.virtual.pass(100)
    expect(written.answer).toBeNull()
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ doneBytes: rest.doneBytes + blockBytes })
    expect(pair.areEqual()).toBe(true)
  })

  test('copies everything to a copy that was formatted since', async () => {
    const pair = await stoppedAfter(40)
    pair.crash('beta')
    pair.servers.beta.format()
    pair.servers.beta.data.damage(0, new Uint8Array(blocks * blockBytes))
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ copy: 'everything', doneBytes: blocks * blockBytes })
    expect(pair.areEqual()).toBe(true)
  })

  test('copies everything to one from a backup that was taken when less was copied', async () => {
    const pair = await stoppedAfter(20)
    const restore = backUpBeta(pair)
    pair.crash('beta')
    pair.crash('alpha')
    pair.filter = (one) => one
    await goOn(pair, 40)
    pair.crash('beta')
    restore()
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ copy: 'everything' })
    expect(pair.areEqual()).toBe(true)
  })
})

describe('a copy of differences of which a part is durable on both sides', () => {
  /** The two were equal, and have parted; of what differs since, so many blocks were sent. */
  const partedAfter = async (sent: number): Promise<MirrorPair> => {
    const pair = new MirrorPair({ limits })
    await pair.pairUp()
    pair.crash('beta')
    const written = Array.from({ length: blocks }, (_, block) => pair.write('alpha', block, block + 1))
    await pair.virtual.pass(3000)
    const flushed = pair.flush('alpha')
    await pair.virtual.pass(100)
    for (const one of [...written, flushed]) expect(one.answer).toBeNull()
    await goOn(pair, sent, startBeta)
    return pair
  }

  test('copies what differs alone when the same copy is back', async () => {
    const pair = await partedAfter(40)
    pair.crash('beta', none)
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ copy: 'differences' })
    expect(pair.areEqual()).toBe(true)
  })

  test('copies everything to one from a backup that was taken when less was copied', async () => {
    const pair = await partedAfter(20)
    const restore = backUpBeta(pair)
    pair.crash('beta')
    await goOn(pair, 40, startBeta)
    pair.crash('beta')
    restore()
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ copy: 'everything' })
    expect(pair.areEqual()).toBe(true)
  })

  test('copies what differs alone once the two were equal, and parted again', async () => {
    const pair = await partedAfter(40)
    pair.crash('beta', none)
    // The source never hears that the other side has everything.
    pair.filter = (one) => (one.kind === 'ack' && pair.told('resync').at(-1)?.state === 'ended' ? null : one)
    await startBeta(pair)
    pair.filter = (one) => one
    pair.crash('beta')
    const written = pair.write('alpha', 3, 99)
    await pair.virtual.pass(3000)
    expect(written.answer).toBeNull()
    await startBeta(pair)
    expect(copiedAtLast(pair)).toMatchObject({ copy: 'differences' })
    expect(pair.areEqual()).toBe(true)
  })
})
