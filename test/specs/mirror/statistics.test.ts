/** D12: what is counted, and how it is written down. */
import { describe, expect, test } from 'vitest'
import { noMountTimes } from '../../../src/agents/mirror/mount-times.ts'
import { appendSample } from '../../../src/agents/mirror/statistics-file.ts'
import { statisticOf, statisticsHeader, statisticsRow } from '../../../src/agents/mirror/statistics-rows.ts'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { countedDisk, countedReports, Statistics, type ToldStatistics } from '../../../src/mirror/engine/statistics.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { blockBytes, blocks, MirrorPair } from './mirror-pair.ts'
import { everyCounter, everyMountTime } from './told-apart.ts'

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

  test('what is written, not what is discarded; and the time of a flush with that of the writes', async () => {
    const pair = new MirrorPair()
    await pair.pairUp()
    const { statistics } = pair.active('alpha')
    const before = statistics.told().acknowledge.count
    pair.trim('alpha', 4, 2)
    pair
      .active('alpha')
      .submit([{ do: 'zero', at: 0, length: blockBytes, mayUnmap: true, fua: false, settle: () => undefined }])
    pair.flush('alpha')
    await pair.virtual.pass(10)
    expect(statistics.told().writtenBytes).toBe(blockBytes)
    expect(statistics.told().acknowledge.count).toBe(before + 3)
  })

  test('no time for what the other side never acknowledged', async () => {
    const pair = new MirrorPair()
    await pair.pairUp()
    const { statistics } = pair.active('alpha')
    const { acknowledge, synchronize } = statistics.told()
    const write = pair.write('alpha', 1, 1)
    pair.crash('beta')
    await pair.virtual.pass(3000)
    expect(write.answer).toBeNull()
    expect(statistics.told()).toMatchObject({ acknowledge, synchronize })
  })

  test.each([
    ['sync', 2],
    ['async', 302],
  ] as const)('%s: what is sent anew counts from its last sending, and is in step after %i ms', async (mode, ms) => {
    const pair = new MirrorPair({ mode })
    await pair.pairUp()
    pair.cut()
    pair.active('alpha').statistics.sampled()
    const write = pair.write('alpha', 1, 1)
    await pair.virtual.pass(300)
    expect(write.answer).toBe(mode === 'async' ? null : 'waits')
    pair.connect()
    await pair.virtual.pass(100)
    const { acknowledge, synchronize } = pair.active('alpha').statistics.told()
    expect(acknowledge.highestOfSample).toBeLessThan(10)
    expect(Math.floor(synchronize.highestOfSample)).toBeGreaterThanOrEqual(ms)
    expect(synchronize.highestOfSample).toBeLessThan(ms + 20)
  })

  test('that the other side lacks nothing as soon as it was brought up, and once this one has stopped', async () => {
    const pair = new MirrorPair()
    await pair.pairUp()
    const alpha = pair.active('alpha')
    const behind = (): number => {
      alpha.measure()
      return alpha.statistics.told().behindBytes.current
    }
    expect(behind()).toBe(0)
    pair.crash('beta')
    await pair.virtual.pass(3000)
    pair.write('alpha', 1, 1)
    expect(behind()).toBe(blockBytes)
    alpha.stop('enough')
    expect(behind()).toBe(0)
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
  test('has every counter in the column that the specification gives it, in its unit', () => {
    const { now, before } = everyCounter()
    const row = statisticsRow({ date, elapsedMs: 10_000, now, before, mountTimes: everyMountTime }).split(',')
    const titles = [...statisticsHeader.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text)
    expect(titles.map((title, index) => [title, row[index]])).toEqual([
      ['Date', `"${date}"`],
      ['Write, Total (MB)', '10.00'],
      ['Write, Avg (MB/s)', '1.00'],
      ['Read, Total (MB)', '20.00'],
      ['Read, Avg (MB/s)', '2.00'],
      ['Local Disk Write, Total (MB)', '30.00'],
      ['Local Disk Write, Avg (MB/s)', '3.00'],
      ['Local Disk Read, Total (MB)', '40.00'],
      ['Local Disk Read, Avg (MB/s)', '4.00'],
      ['Send, Total (KB)', '50.00'],
      ['Send, Avg (KB/s)', '5.00'],
      ['Compress Ratio (%)', '75.00'],
      ['Sync Time, Max (s)', '2.20'],
      ['Sync Time, Avg (s)', '1.50'],
      ['Sync Ack Time, Max (ms)', '31.00'],
      ['Sync Ack Time, Cur (ms)', '32.00'],
      ['Recovery Ack Time (ms), Max', '41.00'],
      ['Recovery Ack Time (ms), Max2', '42.00'],
      ['Recovery Ack Time (ms), Cur', '43.00'],
      ['Sync Diff, Max (MB)', '51.00'],
      ['Sync Diff, Cur (MB)', '52.00'],
      ['Send Queue, Max', '61.00'],
      ['Send Queue, Max2', '62.00'],
      ['Send Queue, Cur', '63.00'],
      ['Request Queue, Max', '71.00'],
      ['Request Queue, Max2', '72.00'],
      ['Request Queue, Cur', '73.00'],
      ['MDC HB Time (s), Max', '8.10'],
      ['MDC HB Time (s), Max2', '8.20'],
      ['MDC HB Time (s), Cur', '8.30'],
      ['Local-Write Waiting Recovery-Read Time, Total (s)', '0'],
      ['Local-Write Waiting Recovery-Read Time, Total2 (s)', '0'],
      ['Recovery-Read Waiting Local-Write Time, Total (s)', '0'],
      ['Recovery-Read Waiting Local-Write Time, Total2 (s)', '0'],
      ['Unmount Time, Max (s)', '9.10'],
      ['Unmount Time, Last (s)', '9.20'],
      ['Fsck Time, Max (s)', '9.30'],
      ['Fsck Time, Last (s)', '9.40'],
    ])
  })

  test('has two decimals, truncated; nothing is 0, next to nothing 0.00', () => {
    expect([0, 0.001, 1.239, 8.2, 12].map(statisticOf)).toEqual(['0', '0.00', '1.23', '8.20', '12.00'])
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
