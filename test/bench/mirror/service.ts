/** The disk as services see it: the same work on a file system on a local disk and on a mirrored one, in turns. */
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { now } from '../../live/lab/until.ts'
import type { Figure, Peer } from '../figure.ts'
import { files, fio, raw } from './fio.ts'
import { openGluster } from './gluster.ts'
import { localPlace, type MirroredPlace, mirroredPlace, type Place, run, unmirroredPlace } from './places.ts'
import { type Bank, openBank } from './postgres.ts'
import { type Shares, sharesText, sharing } from './shares.ts'

export type Extent = { readonly trials: number; readonly seconds: number; readonly sizeBytes: number }
type Progress = (text: string) => void

/** What is done on each of two places, in turns, and what is found by it. */
type Work = {
  readonly name: string
  readonly atLeast?: number
  readonly peers?: readonly Peer[]
  readonly do: (on: number) => Promise<number>
}

type Mirrored = Extent & { readonly mirror: MirroredPlace; readonly progress: Progress }

/** The median is of ratios of neighbours: what else the machine does meets both. */
const compared = async (what: string, works: readonly Work[], { mirror, trials, progress }: Mirrored) => {
  const figures: Figure[] = []
  for (const { name, atLeast, peers, do: work } of works) {
    const values: number[] = []
    const shares: Shares[] = []
    const measured = async (on: number): Promise<number> => {
      if (on === 0) return work(on)
      const sharedBy = await sharing(mirror, () => work(on))
      shares.push(sharedBy.shares)
      return sharedBy.found
    }
    for (let trial = 0; trial < trials; trial++) {
      // Who comes first has a warm machine, or a cold one.
      const first = trial % 2
      const one = await measured(first)
      const other = await measured(1 - first)
      const [base, mirrored] = first === 0 ? [one, other] : [other, one]
      values.push(mirrored / base)
      progress(
        `${what} ${name}: ${mirrored.toFixed(0)} ÷ ${base.toFixed(0)} a second = ${(mirrored / base).toFixed(2)}`,
      )
    }
    figures.push({
      name: `${what} ${name}`,
      unit: 'ratio',
      values,
      note: sharesText(shares),
      ...(atLeast === undefined ? {} : { target: { atLeast } }),
      ...(peers === undefined ? {} : { peers }),
    })
  }
  return figures
}

const rawTargets: Readonly<Record<string, number>> = {
  'writes of 1 MiB': 0.5,
  'writes of 4 KiB at depth 32': 0.5,
}

/** Mirrored ÷ unmirrored, by the same front end. */
export const benchRaw = async (folder: string, extent: Extent, progress: Progress): Promise<readonly Figure[]> => {
  const { seconds, sizeBytes } = extent
  const base = await unmirroredPlace(folder, sizeBytes)
  try {
    const mirrored = await mirroredPlace(folder, sizeBytes)
    try {
      const places = [base, mirrored]
      const works = Object.entries(raw).map(([name, options]): Work => {
        const atLeast = rawTargets[name]
        return {
          name,
          ...(atLeast === undefined ? {} : { atLeast }),
          do: async (on) => (await fio({ device: at(places, on).device }, seconds, options)).perSecond,
        }
      })
      return await compared('mirrored ÷ unmirrored:', works, { ...extent, mirror: mirrored, progress })
    } finally {
      await mirrored.close()
    }
  } finally {
    await base.close()
  }
}

/** What the reference product's makers printed in 2003, on their machines: a copy with sync ÷ a local one. */
const reference: readonly Peer[] = [{ who: 'CLUSTERPRO 2003', median: 0.94, max: 0.94 }]

/** What the mirror is held against, and what is aimed at: by name of the work, and by number of clients. */
type Rival = {
  readonly what: string
  readonly open: (folder: string, sizeBytes: number) => Promise<Mounted | string>
  readonly atLeast: {
    readonly files: Readonly<Record<string, number>>
    readonly bank: Readonly<Record<number, number>>
  }
}
type Mounted = { readonly folder: string; readonly close: () => Promise<void> }

const localDisk: Rival = {
  what: 'mirror ÷ local:',
  open: async (folder, sizeBytes) => mounted(folder, 'local', await localPlace(folder, sizeBytes)),
  atLeast: {
    files: {
      '4 KiB and fsync, one writer': 0.75,
      '4 KiB and fsync, eight writers': 0.5,
      '1 MiB and fsync': 0.8,
    },
    bank: { 1: 0.85, 8: 0.75 },
  },
}
const gluster: Rival = {
  what: 'mirror ÷ GlusterFS:',
  open: openGluster,
  atLeast: {
    files: { '4 KiB and fsync, one writer': 1.1, '4 KiB and fsync, eight writers': 2, '1 MiB and fsync': 3 },
    bank: { 1: 1.5, 8: 1.7 },
  },
}

/** ext4 on the mirrored device ÷ ext4 on a local loop device, and ÷ GlusterFS with two replicas. */
export const benchFiles = async (folder: string, extent: Extent, progress: Progress): Promise<readonly Figure[]> => {
  const place = await mirroredPlace(folder, extent.sizeBytes)
  const mirror = await mounted(folder, 'mirror', place)
  try {
    const figures: Figure[] = []
    for (const rival of [localDisk, gluster]) {
      const base = await rival.open(folder, extent.sizeBytes)
      if (typeof base === 'string') {
        progress(`${rival.what} skipped: ${base}`)
        continue
      }
      try {
        figures.push(...(await against(rival, [base.folder, mirror.folder], { ...extent, mirror: place, progress })))
      } finally {
        await base.close()
      }
    }
    return figures
  } finally {
    await mirror.close()
  }
}

const against = async (rival: Rival, folders: readonly string[], mirrored: Mirrored) => [
  ...(await compared(rival.what, fileWorks(folders, rival, mirrored), mirrored)),
  ...(await benchBanks(folders, rival, mirrored)),
]

const fileWorks = (folders: readonly string[], { atLeast }: Rival, { seconds }: Extent): readonly Work[] => [
  ...Object.entries(files).map(([name, options]): Work => {
    const target = atLeast.files[name]
    return {
      name,
      ...(target === undefined ? {} : { atLeast: target }),
      do: async (on) => (await fio({ folder: at(folders, on) }, seconds, options)).perSecond,
    }
  }),
  { name: 'copies of 64 MiB with sync', peers: reference, do: (on) => copiesPerSecond(at(folders, on), seconds) },
]

/** Files as a person copies them, each on the disk before the next. */
const copiesPerSecond = async (folder: string, seconds: number): Promise<number> => {
  const [image, copy] = [join(dirname(folder), 'image'), join(folder, 'copy')]
  await writeFile(image, randomBytes(64 * 2 ** 20))
  const began = now()
  let copies = 0
  for (; copies === 0 || now() - began < seconds * 1000; copies++)
    await run('dd', `if=${image}`, `of=${copy}`, 'bs=1M', 'conv=fsync', 'status=none')
  const perSecond = copies / ((now() - began) / 1000)
  await Promise.all([rm(image), rm(copy)])
  return perSecond
}

const benchBanks = async (folders: readonly string[], { what, atLeast }: Rival, mirrored: Mirrored) => {
  const banks: (Bank | null)[] = []
  try {
    for (const folder of folders) banks.push(await openBank(folder))
    if (banks.includes(null)) {
      mirrored.progress('pgbench is skipped: PostgreSQL is not installed')
      return []
    }
    const works = Object.entries(atLeast.bank).map(([clients, target]): Work => {
      const perSecond = async (on: number) => at(banks, on)?.perSecond(Number(clients), mirrored.seconds)
      return {
        name: `pgbench, ${clients === '1' ? 'one client' : 'eight clients'}`,
        atLeast: target,
        do: async (on) => (await perSecond(on)) ?? Number.NaN,
      }
    })
    return await compared(what, works, mirrored)
  } finally {
    for (const bank of banks) await bank?.stop()
  }
}

const mounted = async (folder: string, name: string, { device, close }: Place): Promise<Mounted> => {
  const mountPoint = join(folder, `on-${name}`)
  try {
    // What is left for later is done by the kernel while we measure.
    await run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', device)
    await mkdir(mountPoint)
    await run('mount', device, mountPoint)
  } catch (error) {
    await close()
    throw error
  }
  return {
    folder: mountPoint,
    close: async () => {
      await run('umount', mountPoint)
      await close()
    },
  }
}

const at = <T>(list: readonly T[], index: number): T => {
  const found = list[index]
  if (found === undefined) throw new Error(`there is no place ${index}`)
  return found
}
