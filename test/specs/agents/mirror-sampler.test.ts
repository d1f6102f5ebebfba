/** D12: a row a minute for every mirror of this server. */
import { expect, test } from 'vitest'
import { mountTimesKept, noMountTimes } from '../../../src/agents/mirror/mount-times.ts'
import { type Sampled, sampleMirrors } from '../../../src/agents/mirror/sampler.ts'
import { Statistics } from '../../../src/mirror/engine/statistics.ts'
import { VirtualWorld } from '../virtual-world.ts'

const sampling = (mirrors: readonly Sampled[]) => {
  const virtual = new VirtualWorld()
  const content = new Map<string, string>()
  const said: string[] = []
  const files = {
    ...virtual.world.files,
    makeDirectory: async () => undefined,
    size: async (path: string) => content.get(path)?.length ?? 0,
    append: async (path: string, text: string) => void content.set(path, (content.get(path) ?? '') + text),
  }
  const say = (what: string): void => void said.push(what)
  const stop = sampleMirrors({ clock: virtual.clock, files }, { directory: '/perf/disk', mirrors: () => mirrors, say })
  return { virtual, content, said, stop }
}

test('each mirror has a file by its number, with a row a minute of what this minute brought', async () => {
  const counts = new Statistics()
  // Under an earlier agent.
  counts.writtenBytes = 900 * 1_048_576
  const statistics = async () => ({ answer: 'done' as const, more: { id: 1, say: 'done', ...counts.told() } })
  const times = mountTimesKept()
  const mountTimes = () => times.of('db.data')
  const { virtual, content, stop } = sampling([{ name: 'db.data', number: 2, statistics, mountTimes }])
  await virtual.pass(5500)
  expect([...content.keys()]).toEqual([])
  counts.writtenBytes += 3 * 1_048_576
  await virtual.pass(60_000)
  counts.writtenBytes += 2 * 1_048_576
  for (const [what, ms] of [
    ['fsck', 2500],
    ['unmount', 900],
    ['unmount', 300],
  ] as const)
    times.took('db.data', what, ms)
  await virtual.pass(60_000)
  stop()
  await virtual.pass(600_000)
  const [header, ...rows] = (content.get('/perf/disk/nmp2.cur') ?? '').trimEnd().split('\n')
  expect(header).toMatch(/^"Date","Write, Total \(MB\)"/)
  expect(rows.map((row) => row.split(',')[1])).toEqual(['3.00', '2.00'])
  expect(rows.map((row) => row.split(',').slice(-4))).toEqual([
    ['0', '0', '0', '0'],
    ['0.90', '0.30', '2.50', '2.50'],
  ])
  expect(rows[0]).toMatch(/^"\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d\.\d{3}",/)
})

test('a data plane that is not there has no row, and costs the others none', async () => {
  const gone = async () => ({ answer: 'lost' as const, because: 'not reached' })
  const strange = async () => ({ answer: 'done' as const, more: { writtenBytes: 'many' } })
  const there = async () => ({ answer: 'done' as const, more: { ...new Statistics().told() } })
  const broken = async (): Promise<never> => {
    throw new Error('no')
  }
  const { virtual, content, said } = sampling(
    [gone, strange, broken, there].map((statistics, index) => ({
      name: 'm',
      number: index + 1,
      statistics,
      mountTimes: () => noMountTimes,
    })),
  )
  await virtual.pass(65_500)
  expect([...content.keys()]).toEqual(['/perf/disk/nmp4.cur'])
  expect(said).toEqual(Array(2).fill('the statistics of a mirror cannot be written'))
})

test('a data plane that is reached later has its first row a minute after that', async () => {
  const counts = new Statistics()
  counts.writtenBytes = 900 * 1_048_576
  let isThere = false
  const statistics = async () =>
    isThere
      ? { answer: 'done' as const, more: { ...counts.told() } }
      : { answer: 'lost' as const, because: 'not reached' }
  const { virtual, content } = sampling([{ name: 'm', number: 1, statistics, mountTimes: () => noMountTimes }])
  await virtual.pass(30_000)
  isThere = true
  await virtual.pass(60_000)
  expect([...content.keys()]).toEqual([])
  counts.writtenBytes += 6 * 1_048_576
  await virtual.pass(60_000)
  const row = content.get('/perf/disk/nmp1.cur')?.split('\n')[1]
  expect(row?.split(',').slice(1, 3)).toEqual(['6.00', '0.10'])
})
