import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { memoryHierarchy } from '../mirror/memory-group.ts'
import { guestModule } from './guest.ts'

/** What a live test may need from the machine. `lab` is everything that `createLab` uses. */
export type Need =
  | 'root'
  | 'lab'
  | 'nft'
  | 'nats-server'
  | 'postgres'
  | 'pgbench'
  | 'mkfs.ext4'
  | 'mkfs.xfs'
  | 'mkfs.btrfs'
  | 'fuse'
  | 'memory-cgroup'
  | 'losetup'
  | 'ipv6'
  | 'tc'
  | 'ipmi'
  | 'socat'
  | 'fence-agents'
  | 'promtool'
  | 'user-mode-linux'
  | NbdClient
export type NbdClient = 'nbdinfo' | 'nbdcopy' | 'nbdsh' | 'nbdkit' | 'qemu-img' | 'qemu-io' | 'fio'

/** Why these needs cannot be met, one sentence each; empty when they can. */
export const missing = (needs: readonly Need[]): string[] => [
  ...new Set(needs.flatMap((need) => (need === 'lab' ? labParts() : (checks[need]() ?? [])))),
]

/** CAP_SYS_ADMIN and CAP_NET_ADMIN, as bits of the effective set: a container's root may lack them. */
const neededCapabilities = (1n << 21n) | (1n << 12n)

const checks: Record<Exclude<Need, 'lab'>, () => string | null> = {
  root: () => (hasCapabilities() ? null : 'not root, or without CAP_SYS_ADMIN and CAP_NET_ADMIN'),
  nft: () => onPath('nft'),
  'nats-server': () => {
    const named = process.env.BATON_NATS_SERVER
    return named === undefined ? onPath('nats-server') : existsSync(named) ? null : `there is no ${named}`
  },
  postgres: () => (postgresDirectory() === null ? 'PostgreSQL is not installed' : null),
  pgbench: () => onPath('pgbench'),
  'mkfs.ext4': () => onPath('mkfs.ext4'),
  'mkfs.xfs': () => onPath('mkfs.xfs') ?? onPath('xfs_repair') ?? inKernel('xfs'),
  'mkfs.btrfs': () => onPath('mkfs.btrfs') ?? onPath('btrfs') ?? inKernel('btrfs'),
  fuse: () => (existsSync('/dev/fuse') ? null : 'there is no /dev/fuse'),
  'memory-cgroup': () => (memoryHierarchy() === null ? 'no control groups that limit memory' : null),
  nbdinfo: () => onPath('nbdinfo'),
  nbdcopy: () => onPath('nbdcopy'),
  nbdsh: () => onPath('nbdsh'),
  nbdkit: () => onPath('nbdkit'),
  'qemu-img': () => onPath('qemu-img'),
  'qemu-io': () => onPath('qemu-io'),
  fio: () => onPath('fio'),
  losetup: () => (existsSync('/dev/loop-control') ? onPath('losetup') : 'no loop devices in this kernel'),
  promtool: () => onPath('promtool'),
  'user-mode-linux': () => onPath('linux.uml') ?? lacksModule(),
  'fence-agents': () => onPath('fence_dummy') ?? onPath('fence_ipmilan'),
  ipmi: () => onPath('ipmi_sim') ?? onPath('ipmitool'),
  socat: () => onPath('socat') ?? onPath('setpriv'),
  tc: () => onPath('tc'),
  ipv6: () => (existsSync('/proc/sys/net/ipv6') ? null : 'no IPv6 in this kernel'),
}

const labParts = (): string[] => [
  ...['ip', 'unshare', 'nsenter', 'mount', 'perl'].flatMap((program) => onPath(program) ?? []),
  ...[checks.root(), checks.nft(), checks.ipv6()].flatMap((reason) => reason ?? []),
]

const hasCapabilities = (): boolean => {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return process.getuid?.() === 0 && (BigInt(`0x${effective}`) & neededCapabilities) === neededCapabilities
}

/** Where `initdb`, `pg_ctl` and `postgres` are: on PATH, or where Debian puts the newest. */
export const postgresDirectory = (): string | null => {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const directories = [...searchPath(), ...versions.map((version) => join(debian, version, 'bin'))]
  return (
    directories.find((directory) => ['initdb', 'pg_ctl', 'postgres'].every((name) => isProgram(directory, name))) ??
    null
  )
}

const lacksModule = (): string | null => {
  const lacking = ['nbd', 'softdog'].find((name) => guestModule(name) === null)
  return lacking === undefined ? null : `linux.uml has no module ${lacking}`
}

const inKernel = (type: string): string | null =>
  readFileSync('/proc/filesystems', 'utf8').includes(`\t${type}\n`) ? null : `no ${type} in this kernel`

/** Why this program cannot be run; null when it can. */
export const onPath = (program: string): string | null =>
  searchPath().some((directory) => isProgram(directory, program)) ? null : `${program} is not on PATH`

const searchPath = (): string[] => (process.env.PATH ?? '').split(delimiter)

const isProgram = (directory: string, name: string): boolean => {
  try {
    accessSync(join(directory, name), constants.X_OK)
    return true
  } catch {
    return false
  }
}
