/** The disk as services see it: the same work on a file system on a local disk and on a mirrored one, in turns. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Figure } from '../figure.ts'
import { files, fio, raw } from './fio.ts'
import { localPlace, mirroredPlace, type Place, run, unmirroredPlace } from './places.ts'
import { openBank } from './postgres.ts'

export type Extent = { readonly trials: number; readonly seconds: number; readonly sizeBytes: number }
type Progress = (text: string) => void

/** What is done on each of two places, in turns, and what is found by it. */
type Work = { readonly name: string; readonly atLeast?: number; readonly do: (on: number) => Promise<number> }

/** The median is of ratios of neighbours: what else the machine does meets both. */
const compared = async (what: string, works: readonly Work[], trials: number, progress: Progress) => {
  const figures: Figure[] = []
  for (const { name, atLeast, do: work } of works) {
    const values: number[] = []
    for (let trial = 0; trial < trials; trial++) {
      // Who comes first has a warm machine, or a cold one.
      const first = trial % 2
      const one = await work(first)
      const other = await work(1 - first)
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
      ...(atLeast === undefined ? {} : { target: { atLeast } }),
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
  const { trials, seconds, sizeBytes } = extent
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
      return await compared('mirrored ÷ unmirrored:', works, trials, progress)
    } finally {
      await mirrored.close()
    }
  } finally {
    await base.close()
  }
}

const fileTargets: Readonly<Record<string, number>> = {
  '4 KiB and fsync, one writer': 0.75,
  '4 KiB and fsync, eight writers': 0.5,
  '1 MiB and fsync': 0.8,
}
const bankTargets = [
  { name: 'pgbench, one client', clients: 1, atLeast: 0.85 },
  { name: 'pgbench, eight clients', clients: 8, atLeast: 0.75 },
] as const

/** ext4 on the mirrored device ÷ ext4 on a local loop device. */
export const benchFiles = async (folder: string, extent: Extent, progress: Progress): Promise<readonly Figure[]> => {
  const base = await mounted(folder, 'local', await localPlace(folder, extent.sizeBytes))
  try {
    const mirrored = await mounted(folder, 'mirror', await mirroredPlace(folder, extent.sizeBytes))
    try {
      const folders = [base.folder, mirrored.folder]
      return [
        ...(await compared('ext4:', fileWorks(folders, extent), extent.trials, progress)),
        ...(await benchBanks(folders, extent, progress)),
      ]
    } finally {
      await mirrored.close()
    }
  } finally {
    await base.close()
  }
}

const fileWorks = (folders: readonly string[], { seconds }: Extent): readonly Work[] =>
  Object.entries(files).map(([name, options]) => ({
    name,
    atLeast: fileTargets[name] ?? 0,
    do: async (on) => (await fio({ folder: at(folders, on) }, seconds, options)).perSecond,
  }))

const benchBanks = async (folders: readonly string[], extent: Extent, progress: Progress) => {
  const banks = [await openBank(at(folders, 0))]
  try {
    banks.push(await openBank(at(folders, 1)))
    if (banks.some((bank) => bank === null)) {
      progress('pgbench is skipped: PostgreSQL is not installed')
      return []
    }
    const works = bankTargets.map(({ name, clients, atLeast }): Work => {
      return {
        name,
        atLeast,
        do: async (on) => (await at(banks, on)?.perSecond(clients, extent.seconds)) ?? Number.NaN,
      }
    })
    return await compared('ext4:', works, extent.trials, progress)
  } finally {
    for (const bank of banks) await bank?.stop()
  }
}

const mounted = async (folder: string, name: string, { device, close }: Place) => {
  const mountPoint = join(folder, `on-${name}`)
  try {
    await run('mkfs.ext4', '-q', '-F', device)
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
