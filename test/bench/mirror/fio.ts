/** What fio finds, in the few numbers that are compared. */
import { run } from './places.ts'

export type Found = { readonly perSecond: number; readonly meanMs: number }

export type Target = { readonly device: string } | { readonly folder: string }

export const fio = async (target: Target, seconds: number, options: readonly string[]): Promise<Found> => {
  const where = 'device' in target ? `--filename=${target.device}` : `--directory=${target.folder}`
  const time = [
    '--time_based',
    `--runtime=${Math.round(seconds * 1000)}ms`,
    '--group_reporting',
    '--output-format=json',
  ]
  const said = await run('fio', '--name=job', where, ...time, ...options)
  const { jobs } = JSON.parse(said.slice(said.indexOf('{')))
  const [{ error, write, read }] = jobs
  if (error !== 0) throw new Error(`fio ended with error ${error}: ${where}`)
  const found = write.total_ios > 0 ? write : read
  return { perSecond: found.iops, meanMs: found.clat_ns.mean / 1e6 }
}

const direct = ['--ioengine=libaio', '--direct=1']
/** On the device itself. */
export const raw = {
  'writes of 1 MiB': [...direct, '--rw=write', '--bs=1m', '--iodepth=4'],
  'writes of 4 KiB at depth 32': [...direct, '--rw=randwrite', '--bs=4k', '--iodepth=32'],
  'writes of 4 KiB at depth 1': [...direct, '--rw=randwrite', '--bs=4k', '--iodepth=1'],
} as const

const synced = ['--ioengine=psync', '--fsync=1', '--rw=write', '--fallocate=none']
/** On a file system. */
export const files = {
  '4 KiB and fsync, one writer': [...synced, '--bs=4k', '--size=16m'],
  '4 KiB and fsync, eight writers': [...synced, '--bs=4k', '--size=4m', '--numjobs=8'],
  '1 MiB and fsync': [...synced, '--bs=1m', '--size=64m'],
} as const
