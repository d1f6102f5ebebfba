/** D12: what is counted, and how it is written down. */
import { describe, expect, test } from 'vitest'
import { noMountTimes } from '../../../src/agents/mirror/mount-times.ts'
import { appendSample } from '../../../src/agents/mirror/statistics-file.ts'
import { statisticOf, statisticsHeader, statisticsRow } from '../../../src/agents/mirror/statistics-rows.ts'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { countedDisk, countedReports, Statistics, type ToldStatistics } from '../../../src/mirror/engine/statistics.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { blockBytes, blocks, MirrorPair } from './mirror-pair.ts'

const date = '2026/11/28 02:00:00.000'
const nothing = new Statistics().told()
const cell = (now: ToldStatistics, title: string, before = nothing): string | undefined => {
  const row = statisticsRow({ date, elapsedMs: 60_000, now, before, mountTimes: noMountTimes }).split(',')
  const titles = [...statisticsHeader.matchAll(/"([^"]*)"/g)].map(([, text]) => text)
  expect(row).toHaveLength(titles.length)
  expect(titles).toContain(title)
  return row[titles.indexOf(title)]
}

describe('the active side counts', () => {
  test('what is written and read, how long the other side takes, and what it lacks', async () => {
    const pair = new MirrorPair()
    await pair.pairUp()
    const { statistics } = pair.active('alpha')
    expect(statistics.told()).toMatchObject({ resyncAcknowledge: { count: 1, highest: 2 } })
    pair.write('alpha', 1, 1)
    pair.write('alpha', 2, 1)
    expect(statistics.told().queue).toMatchObject({ current: 2, highest: 2 })
    expect(statistics.told().requests).toMatchObject({ current: 2, highest: 2 })
    await pair.virtual.pass(10)
    pair.active('alpha').submit([{ do: 'read', at: 0, into: new Uint8Array(blockBytes), settle: () => undefined }])
    expect(statistics.told()).toMatchObject({
      writtenBytes: 2 * blockBytes,
      readBytes: blockBytes,
      acknowledge: { count: 2, highest: 2, sumMs: 4 },
      requests: { current: 0, highest: 2 },
      // Before the first copy it lacked everything.
      behindBytes: { current: 0, highest: blocks * blockBytes },
    })
    pair.crash('beta')
    await pair.virtual.pass(3000)
    pair.write('alpha', 3, 1)
    // The two before were not flushed there.
    expect(statistics.told().behindBytes.current).toBe(3 * blockBytes)
  })

  test('highest values since the start, and anew in each sample', () => {
    const statistics = new Statistics()
    statistics.queue.set(7)
    statistics.queue.set(2)
    statistics.acknowledge.add(9)
    statistics.sampled()
    statistics.queue.set(3)
    expect(statistics.told()).toMatchObject({
      queue: { current: 3, highest: 7, highestOfSample: 3 },
      acknowledge: { current: 9, highest: 9, highestOfSample: 0 },
    })
  })
})

test('a disk is counted with what it fails at', () => {
  const statistics = new Statistics()
  const disk = new SimulatedDisk(8192)
  const counted = countedDisk(disk, statistics)
  counted.write(0, new Uint8Array(4096))
  counted.read(0, new Uint8Array(512))
  disk.before = () => {
    throw new DiskTrouble('disk', 'read', 'bad sector')
  }
  expect(() => counted.read(0, new Uint8Array(512))).toThrow(/bad sector/)
  expect(statistics.told()).toMatchObject({ diskWrittenBytes: 4096, diskReadBytes: 512, diskErrors: 1 })
})

test('bad blocks are counted, and those that were repaired', () => {
  const statistics = new Statistics()
  const heard: string[] = []
  const report = countedReports(({ say }) => void heard.push(say), statistics)
  report({ say: 'trouble', operation: 'read', offsets: [0, 8192], because: 'bad sector' })
  report({ say: 'trouble', operation: 'write', offsets: [4096], because: 'bad sector' })
  report({ say: 'repaired', at: 0, length: 4096 })
  expect(statistics.told()).toMatchObject({ badBlocks: 2, repairedBlocks: 1 })
  expect(heard).toEqual(['trouble', 'trouble', 'repaired'])
})

describe('a row', () => {
  test('has two decimals, truncated; nothing is 0, next to nothing 0.00', () => {
    expect([0, 0.001, 1.239, 12].map(statisticOf)).toEqual(['0', '0.00', '1.23', '12.00'])
  })

  test('tells what waits for the other side from what waits for an answer', () => {
    const statistics = new Statistics()
    statistics.queue.set(5)
    statistics.requests.set(3)
    expect(cell(statistics.told(), 'Send Queue, Cur')).toBe('5.00')
    expect(cell(statistics.told(), 'Request Queue, Cur')).toBe('3.00')
  })

  test('has the growth of this sample, also after the data plane was started anew', () => {
    const statistics = new Statistics()
    statistics.writtenBytes = 60 * 1_048_576
    const before = statistics.told()
    statistics.writtenBytes = 180 * 1_048_576
    expect(cell(statistics.told(), 'Write, Total (MB)', before)).toBe('120.00')
    expect(cell(statistics.told(), 'Write, Avg (MB/s)', before)).toBe('2.00')
    statistics.writtenBytes = 6 * 1_048_576
    expect(cell(statistics.told(), 'Write, Total (MB)', before)).toBe('6.00')
  })

  test('says 100 % where nothing was compressed', () => {
    const statistics = new Statistics()
    expect(cell(statistics.told(), 'Compress Ratio (%)')).toBe('100.00')
    statistics.payloadBytes = 1000
    statistics.compressedBytes = 333
    expect(cell(statistics.told(), 'Compress Ratio (%)')).toBe('33.30')
  })
})

test('a full file becomes the previous one, and each begins with its header', async () => {
  const content = new Map<string, string>()
  let isFull = false
  const files = {
    makeDirectory: async () => undefined,
    size: async (path: string) => (isFull && path.endsWith('.cur') ? 16 * 1_048_576 : (content.get(path)?.length ?? 0)),
    append: async (path: string, text: string) => void content.set(path, (content.get(path) ?? '') + text),
    rename: async (from: string, to: string) => {
      content.set(to, content.get(from) ?? '')
      content.delete(from)
    },
  }
  const sample = { date, elapsedMs: 60_000, now: nothing, before: nothing, mountTimes: noMountTimes }
  const place = { directory: '/perf/disk', number: 2 }
  for (const full of [false, false, true]) {
    isFull = full
    await appendSample(files, place, sample)
  }
  const row = statisticsRow(sample)
  expect(content.get('/perf/disk/nmp2.pre')).toBe(`${statisticsHeader}\n${row}\n${row}\n`)
  expect(content.get('/perf/disk/nmp2.cur')).toBe(`${statisticsHeader}\n${row}\n`)
})
