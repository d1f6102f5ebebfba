/** Looks at this machine for `machine-checks.ts`. Whatever cannot be told is null, never an error. */
import { mkdtemp, open, readFile, rm, stat, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { endOf } from '../../agents/conditions.ts'
import { hostPort, kitFiles, type VoterKit } from '../../agents/voter/voter-kit.ts'
import type { Configuration } from '../../events/configuration.ts'
import { accepts } from '../../events/jetstream-connection.ts'
import { hasKernelNbd } from '../../mirror/attach/kernel-nbd.ts'
import { mayMakeControlGroups } from '../../world/control-groups.ts'
import type { DiskFacts, MachineFacts } from './machine-checks.ts'

export type Machine = {
  readonly state: string
  readonly now: () => number
  /** Null, or why there is none. */
  readonly kit: VoterKit | { readonly trouble: string }
  readonly configuration: Configuration | null
}

export const inspectMachine = async ({ state, now, kit, configuration }: Machine): Promise<MachineFacts> => {
  const own = 'trouble' in kit ? null : kit
  const closed = own === null ? { closed: [], open: 0 } : await portsOf(own)
  return {
    now: now(),
    kitTrouble: 'trouble' in kit ? kit.trouble : null,
    kitDifferences: own === null || configuration === null ? [] : differences(own, configuration),
    certificateEnds: await certificateEnd(state, kitFiles.certificate),
    authorityEnds: await certificateEnd(state, kitFiles.ca),
    looseFiles: await looseFiles(state),
    disk: await diskOf(state),
    sharedDevices: configuration === null ? [] : devicesOf(configuration),
    snapshotAgeMs: await orNull(async () => now() - (await stat(join(state, 'snapshot.json'))).mtimeMs),
    swappedKib: await swapped(state),
    kernelMemory: await kernelMemory(),
    diskStallPercent: await diskStall(),
    cgroupTrouble: mayMakeControlGroups() ? null : 'they cannot be made here (no cgroup v2, or no right to)',
    nbd: own === null || configuration === null ? null : await nbdOf(configuration, own.own.name),
    closedPorts: closed.closed,
    openPorts: closed.open,
  }
}

export const orNull = async <T>(look: () => Promise<T>): Promise<T | null> => {
  try {
    return await look()
  } catch {
    return null
  }
}

const certificateEnd = (state: string, file: string): Promise<number | null> =>
  orNull(async () => endOf(await readFile(join(state, 'kit', file), 'utf8')))

/** The keys: the rest of a kit is no secret. */
const secrets = [kitFiles.key, kitFiles.nkeys, kitFiles.clusterKey] as const
const permissionBits = 0o777
const othersBits = 0o077

const looseFiles = async (state: string): Promise<MachineFacts['looseFiles']> => {
  const found = await Promise.all(
    secrets.map(async (file) => {
      const path = join(state, 'kit', file)
      const mode = await orNull(async () => (await stat(path)).mode & permissionBits)
      return mode !== null && (mode & othersBits) !== 0 ? [{ path, mode: mode.toString(8) }] : []
    }),
  )
  return found.flat()
}

const differences = (kit: VoterKit, configuration: Configuration): readonly string[] => {
  const { cluster, voters } = kit.identity
  const all = configuration.witness ? [...configuration.servers, configuration.witness] : configuration.servers
  const addressesOf = (of: Readonly<Record<string, string>>) =>
    Object.entries(of)
      .map(([network, address]) => `${network} ${address}`)
      .join(', ')
  return [
    ...(cluster === configuration.cluster ? [] : [`the kit is of cluster ${cluster}, not ${configuration.cluster}`]),
    ...all.flatMap(({ name, addresses }) => {
      const known = voters.find((voter) => String(voter.name) === name)
      if (known === undefined) return [`${name} is not in the kit`]
      return addressesOf(known.addresses) === addressesOf(addresses) ? [] : [`${name} has other addresses in the kit`]
    }),
    ...voters.flatMap(({ name }) =>
      all.some((voter) => voter.name === String(name)) ? [] : [`${name} is only in the kit`],
    ),
  ]
}

const devicesOf = (configuration: Configuration): readonly string[] => [
  ...Object.values(configuration.groups).flatMap(({ resources }) =>
    Object.values(resources).flatMap((resource) => (resource.type === 'disk' ? [resource.device] : [])),
  ),
  ...configuration.servers.flatMap(({ diskHeartbeat }) => (diskHeartbeat === undefined ? [] : [diskHeartbeat])),
]

const nbdOf = async (configuration: Configuration, server: string): Promise<MachineFacts['nbd']> => {
  const mirrors = Object.entries(configuration.groups).flatMap(([group, { servers, resources }]) =>
    Object.entries(resources).flatMap(([name, resource]) =>
      servers.includes(server) && resource.type === 'md' && resource.attach === 'nbd' ? [`${group}.${name}`] : [],
    ),
  )
  return mirrors.length === 0
    ? null
    : { mirrors, isThere: (await orNull(async () => hasKernelNbd())) || (await canBeLoaded('nbd')) }
}

const canBeLoaded = async (module: string): Promise<boolean> => {
  const known = await orNull(() => readFile(`/lib/modules/${release()}/modules.dep`, 'utf8'))
  return known?.includes(`/${module}.ko`) ?? false
}

const diskOf = (state: string): Promise<DiskFacts | null> =>
  orNull(async () => {
    const { bavail, blocks, bsize } = await statfs(state)
    const mount = await mountOf(state)
    return {
      ...mount,
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      fsyncMs: await orNull(() => fsyncs(state)),
    }
  })

/** The mount that the directory is on, by device number: bind mounts and links do not mislead it. */
const mountOf = async (directory: string): Promise<Pick<DiskFacts, 'device' | 'fileSystem'>> => {
  const { dev } = await stat(directory)
  const number = `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  const line = lines.find((one) => one.split(' ')[2] === number) ?? ''
  const [fileSystem = 'unknown', device = number] = line.split(' - ')[1]?.split(' ') ?? []
  return { device, fileSystem }
}

const fsyncCount = 8
const block = Buffer.alloc(4096, 0x5a)

/** As the log server writes: a block, then fsync. */
const fsyncs = async (directory: string): Promise<readonly number[]> => {
  const folder = await mkdtemp(join(directory, '.doctor-'))
  try {
    const file = await open(join(folder, 'probe'), 'w')
    const times: number[] = []
    for (let count = 0; count < fsyncCount; count++) {
      const began = performance.now()
      await file.write(block)
      await file.datasync()
      times.push(performance.now() - began)
    }
    await file.close()
    return times
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What of the agent of this state directory lies in swap. */
const swapped = (state: string): Promise<number | null> =>
  orNull(async () => {
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const { stdout } = await promisify(execFile)('pgrep', ['-f', `(agent|witness) --state ${state}( |$)`])
    const pid = stdout.trim().split('\n')[0] ?? ''
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmSwap:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
  })

const kernelMemory = (): Promise<MachineFacts['kernelMemory']> =>
  orNull(async () => ({
    overcommit: await numberIn('/proc/sys/vm/overcommit_memory'),
    swappiness: await numberIn('/proc/sys/vm/swappiness'),
    // The first line is a heading.
    hasSwap: (await readFile('/proc/swaps', 'utf8')).trim().split('\n').length > 1,
  }))

const numberIn = async (path: string): Promise<number> => {
  const value = Number((await readFile(path, 'utf8')).trim())
  if (!Number.isFinite(value)) throw new Error(`${path} holds no number`)
  return value
}

const diskStall = (): Promise<number | null> =>
  orNull(async () => {
    const found = /^full .*avg60=([\d.]+)/m.exec(await readFile('/proc/pressure/io', 'utf8'))
    if (!found) throw new Error('no average')
    return Number(found[1])
  })

const connectMs = 1000

const portsOf = async (kit: VoterKit): Promise<{ readonly closed: readonly string[]; readonly open: number }> => {
  const { voters, topology } = kit.identity
  const others = voters.filter(({ name, hasLog }) => hasLog && name !== kit.own.name)
  // The log servers of a pair have no routes to each other.
  const asked = topology === 'pair' ? (['log'] as const) : (['log', 'route'] as const)
  const targets = others.flatMap(({ name, addresses, ports }) => {
    const address = Object.values(addresses)[0]
    return address === undefined ? [] : asked.map((port) => ({ name, address, port: ports[port] }))
  })
  const tried = await Promise.all(
    targets.map(async (target) => ({
      ...target,
      answers: await accepts(hostPort(target.address, target.port), connectMs),
    })),
  )
  return {
    closed: tried
      .filter(({ answers }) => !answers)
      .map(({ name, address, port }) => `${name} (${address}, ${port}/tcp)`),
    open: tried.filter(({ answers }) => answers).length,
  }
}

/** How long the last start of the operating system took, by systemd's word; null without systemd. */
export const bootDuration = (): Promise<number | null> =>
  orNull(async () => {
    const { execFile } = await import('node:child_process')
    const { promisify } = await import('node:util')
    const { stdout } = await promisify(execFile)('systemd-analyze', ['time'], { timeout: 5000 })
    const total = /= (?:(\d+)min )?([\d.]+)(m?)s/.exec(stdout)
    if (!total) throw new Error('no total')
    return Number(total[1] ?? 0) * 60_000 + Number(total[2]) * (total[3] === 'm' ? 1 : 1000)
  })
