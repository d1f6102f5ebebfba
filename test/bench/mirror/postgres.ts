/** PostgreSQL with its data on the disk that is measured. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { postgresDirectory } from '../../live/lab/needs.ts'
import { run } from './places.ts'

/** PostgreSQL refuses to run as root. */
const nobody = '65534'
const scale = 4

export type Bank = {
  readonly perSecond: (clients: number, seconds: number) => Promise<number>
  readonly stop: () => Promise<void>
}

/** Null when PostgreSQL is not to be had. */
export const openBank = async (folder: string): Promise<Bank | null> => {
  const programs = postgresDirectory()
  if (programs === null) return null
  const place = join(folder, 'bank')
  await mkdir(place)
  await run('chown', nobody, place)
  const as = (program: string, ...argv: readonly string[]) =>
    run('setpriv', '--reuid', nobody, '--clear-groups', program, ...argv)
  const data = join(place, 'data')
  await as(join(programs, 'initdb'), '--pgdata', data, '--auth=trust', '--username=bank', '--no-sync')
  const server = `-k ${place} -c listen_addresses= -c shared_buffers=64MB`
  await as(
    join(programs, 'pg_ctl'),
    'start',
    '--wait',
    '--pgdata',
    data,
    '--log',
    join(place, 'log'),
    '--options',
    server,
  )
  const stop = async (): Promise<void> => {
    await as(join(programs, 'pg_ctl'), 'stop', '--wait', '--mode=fast', '--pgdata', data)
    await rm(place, { recursive: true })
  }
  const pgbench = (...argv: readonly string[]) => as('pgbench', '--host', place, '--username=bank', ...argv, 'postgres')
  try {
    await pgbench('--initialize', '--quiet', `--scale=${scale}`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    perSecond: async (clients, seconds) => {
      const said = await pgbench(`--client=${clients}`, `--time=${Math.ceil(seconds)}`, '--no-vacuum')
      return Number(/tps = ([\d.]+)/.exec(said)?.[1])
    },
    stop,
  }
}
