/** PostgreSQL as a resource, on a file system of the group; asked over the network. */
import { join } from 'node:path'
import type { Host } from '../lab/host.ts'
import { postgresDirectory } from '../lab/needs.ts'
import type { Part } from './configuration.ts'

export type PostgresPlace = {
  readonly mountPoint: string
  readonly address: string
  /** Resources that are there before it. */
  readonly after: readonly string[]
}

/** The first start makes the database. Its log of writes is short, so that small disks hold it. */
export const postgres = ({ mountPoint, address, after }: PostgresPlace): Part => {
  const programs = postgresDirectory() ?? ''
  const data = `${mountPoint}/data`
  const start = `
if [ ! -d ${data} ]; then
  mkdir -m 700 ${data}.new && chown postgres ${data}.new
  su postgres -c '${join(programs, 'initdb')} -D ${data}.new -A trust --no-sync --wal-segsize=1' >/dev/null
  echo 'host all all 10.77.2.0/24 trust' >>${data}.new/pg_hba.conf
  sync && mv ${data}.new ${data}
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups \
  ${join(programs, 'postgres')} -D ${data} -c listen_addresses=${address} -c unix_socket_directories= \
  -c max_wal_size=16MB -c min_wal_size=2MB`
  return {
    ...{ type: 'exec', after, start },
    stop: `exec su postgres -c '${join(programs, 'pg_ctl')} stop -D ${data} -m fast'`,
    ...{ activation: { timeout: '60s' }, deactivation: { timeout: '15s' } },
  }
}

/** What it answers; null: nothing, or that it failed. */
export const query = async (client: Host, address: string, sql: string): Promise<string | null> => {
  const { code, stdout } = await client.run(['psql', '-h', address, '-U', 'postgres', '-Atc', sql], {
    env: { PGCONNECT_TIMEOUT: '2', PGOPTIONS: '-c statement_timeout=5000' },
    timeoutMs: 20_000,
  })
  return code === 0 ? stdout.trim() : null
}
