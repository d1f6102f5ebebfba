/** How fast the other side is brought up, what that depends on, and what writers feel of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { now, until } from '../../live/lab/until.ts'
import { freePort } from '../../live/mirror/plane.ts'
import type { Figure, Peer } from '../figure.ts'
import { medianOf } from '../figure.ts'
import { fio } from './fio.ts'
import { type MirroredPlace, mirroredPlace, run } from './places.ts'
import type { Extent } from './service.ts'

type Progress = (text: string) => void
/** A whole copy on a slow machine. */
const limitMs = 120_000
const mebi = 1_048_576

/** What the reference product's makers printed in 2003, on their machines. */
const reference: readonly Peer[] = [{ who: 'CLUSTERPRO 2003', median: 6.6, max: 6.6 }]

/** Full against a plain copy of the same image, then by how much differs. */
export const benchResync = async (folder: string, extent: Extent, progress: Progress): Promise<readonly Figure[]> => {
  const place = await mirroredPlace(folder, extent.sizeBytes)
  try {
    // What reads as zeros does not travel.
    await run('dd', 'if=/dev/urandom', `of=${place.device}`, 'bs=1M', 'oflag=direct', 'status=none', count(extent))
    const megabytes = extent.sizeBytes / 1e6
    const [speeds, ratios]: [number[], number[]] = [[], []]
    for (let trial = 0; trial < extent.trials; trial++) {
      const plainMs = await copyMs(folder, place.active.path('data'))
      const fullMs = await resyncMs(place, async () => undefined, true)
      speeds.push(megabytes / (fullMs / 1000))
      ratios.push(plainMs / fullMs)
      progress(`everything: ${fullMs.toFixed(0)} ms; a plain copy of the image: ${plainMs.toFixed(0)} ms`)
    }
    return [
      { name: 'resync of everything', unit: 'MB/s', values: speeds, peers: reference },
      { name: 'resync ÷ plain copy over TCP', unit: 'ratio', values: ratios, target: { atLeast: 0.8 } },
      ...(await benchDifferences(place, extent, progress)),
    ]
  } finally {
    await place.close()
  }
}

/** Parts the sides, has a share of the blocks written, and lets them meet again. */
const benchDifferences = async (place: MirroredPlace, extent: Extent, progress: Progress) => {
  const figures: Figure[] = []
  for (const percent of [1, 10, 100]) {
    const values: number[] = []
    for (let trial = 0; trial < extent.trials; trial++) {
      const bytes = Math.floor((extent.sizeBytes * percent) / 100 / mebi) * mebi
      const options = [
        '--direct=1',
        '--ioengine=libaio',
        '--iodepth=4',
        '--bs=64k',
        '--rw=randwrite',
        '--norandommap=0',
      ]
      const written = () => run('fio', '--name=part', `--filename=${place.device}`, ...options, `--io_size=${bytes}`)
      values.push(await resyncMs(place, written, false))
    }
    figures.push({ name: `resync when ${percent} % differ`, unit: 'ms', values })
    progress(`${percent} % differ: ${medianOf(values).toFixed(0)} ms`)
  }
  return figures
}

const resyncMs = async ({ active }: MirroredPlace, meanwhile: () => Promise<unknown>, everything: boolean) => {
  if (!everything) {
    await active.order({ do: 'part', because: 'it is measured' })
    await until(() => active.condition() === 'alone', limitMs, 'the active side to be alone')
    await meanwhile()
  }
  const from = active.said.length
  if (everything) await active.order({ do: 'resync', everything: true })
  else await active.order({ do: 'connect' })
  const heard = (pair: string) => active.said.findIndex((said, at) => at >= from && said.pair === pair)
  const began = await until(() => at(active.said, heard('resyncing')), limitMs, 'the resync to begin')
  const ended = await until(
    () => active.said.find(({ pair, heardAt }) => pair === 'paired' && heardAt > began.heardAt),
    limitMs,
    'both sides to be equal',
  )
  return ended.heardAt - began.heardAt
}

const count = ({ sizeBytes }: Extent): string => `count=${sizeBytes / mebi}`

const at = <T>(list: readonly T[], index: number): T | undefined => (index < 0 ? undefined : list[index])

/** The same image through dd and a TCP connection on loopback to a file beside it, until that is on the disk. */
const copyMs = async (folder: string, image: string): Promise<number> => {
  const copy = join(folder, 'copy')
  // As large as before: what is copied to has its blocks, as a partition has.
  await run('cp', '--sparse=never', image, copy)
  const port = await freePort()
  const buffers = ['-b', '1048576']
  const take = spawn('sh', [
    '-c',
    `socat -u ${buffers.join(' ')} TCP-LISTEN:${port},bind=127.0.0.1 - | dd of='${copy}' bs=1M iflag=fullblock oflag=direct conv=notrunc,fsync status=none`,
  ])
  const taken = once(take, 'exit')
  await until(
    () => run('sh', '-c', `grep -qi ':${port.toString(16).padStart(4, '0')} ' /proc/net/tcp && echo 1`),
    limitMs,
    'the copy to listen',
  )
  const began = now()
  const give = `dd if='${image}' bs=1M iflag=direct status=none | socat -u ${buffers.join(' ')} - TCP:127.0.0.1:${port}`
  await run('sh', '-c', give)
  await taken
  const tookMs = now() - began
  await rm(copy)
  return tookMs
}

const throttledBytes = 20 * mebi

/** One writer on the device, while a resync runs at 20 MiB/s and without one. */
export const benchThrottled = async (
  folder: string,
  extent: Extent,
  progress: Progress,
): Promise<readonly Figure[]> => {
  // Long enough to write beside it, and short enough to wait for.
  const sizeBytes = throttledBytes * Math.ceil(extent.seconds + 3)
  const options = ['--ioengine=psync', '--direct=1', '--rw=randwrite', '--bs=4k']
  const values: number[] = []
  for (let trial = 0; trial < extent.trials; trial++) {
    const settings = { resyncBytesPerSecond: throttledBytes }
    const place = await mirroredPlace(folder, sizeBytes, { settings, isPaired: false })
    try {
      await until(() => place.active.condition() === 'resyncing', limitMs, 'the first copy to begin')
      const during = await fio({ device: place.device }, extent.seconds, options)
      await until(() => place.active.condition() === 'paired', limitMs, 'the first copy to end')
      const without = await fio({ device: place.device }, extent.seconds, options)
      values.push(during.meanMs / without.meanMs)
      progress(`a write takes ${during.meanMs.toFixed(2)} ms during a resync, ${without.meanMs.toFixed(2)} ms without`)
    } finally {
      await place.close()
    }
  }
  return [{ name: 'latency of writes, resync ÷ without', unit: 'ratio', values, target: { atMost: 2 } }]
}
