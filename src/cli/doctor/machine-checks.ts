/** What is so on this machine: kit, keys, certificates, the disk under the log, memory, control groups. */
import { type Finding, lasting, ok, problem, unknown, warning } from './finding.ts'

export type DiskFacts = {
  readonly device: string
  readonly fileSystem: string
  readonly freeBytes: number
  readonly totalBytes: number
  /** Of several small writes, each followed by fsync; null when it could not be tried. */
  readonly fsyncMs: readonly number[] | null
}

export type MachineFacts = {
  readonly now: number
  /** Null when the kit can be used. */
  readonly kitTrouble: string | null
  /** Differences between the kit and the configuration in force. */
  readonly kitDifferences: readonly string[]
  /** Moments, null where it cannot be told. */
  readonly certificateEnds: number | null
  readonly authorityEnds: number | null
  /** Secrets that others may read, with their mode. */
  readonly looseFiles: readonly { readonly path: string; readonly mode: string }[]
  readonly disk: DiskFacts | null
  /** Block devices that heartbeats or groups use. */
  readonly sharedDevices: readonly string[]
  readonly snapshotAgeMs: number | null
  /** Of the agent, in KiB; null when there is none. */
  readonly swappedKib: number | null
  /** `vm.overcommit_memory`, `vm.swappiness`, and whether there is swap at all; null where they cannot be read. */
  readonly kernelMemory: { readonly overcommit: number; readonly swappiness: number; readonly hasSwap: boolean } | null
  /** Share of the last minute in which everybody waited for disks, in percent; null where the kernel does not say. */
  readonly diskStallPercent: number | null
  /** Null when groups' processes can be kept in control groups. */
  readonly cgroupTrouble: string | null
  /** Mirror disks of this server that want the kernel's nbd, and whether it has that; null when none does. */
  readonly nbd: { readonly mirrors: readonly string[]; readonly isThere: boolean } | null
  /** TCP ports of other voters that do not answer. */
  readonly closedPorts: readonly string[]
  readonly openPorts: number
}

const dayMs = 86_400_000

export const machineChecks = (facts: MachineFacts): readonly Finding[] => [
  kit(facts),
  ...certificates(facts),
  keys(facts),
  ports(facts),
  ...disk(facts),
  snapshot(facts),
  memory(facts),
  ...kernelMemory(facts),
  cgroups(facts),
  ...nbd(facts),
]

const kit = ({ kitTrouble, kitDifferences }: MachineFacts): Finding => {
  if (kitTrouble !== null) return problem('kit', kitTrouble, 'copy the kit of this voter again')
  return kitDifferences.length === 0
    ? ok('kit', 'complete, and as the configuration has it')
    : problem('kit', kitDifferences.join('; '), 'copy the kit that belongs to this configuration')
}

const certificates = ({ now, certificateEnds, authorityEnds }: MachineFacts): readonly Finding[] =>
  (
    [
      ['certificate', certificateEnds],
      ['authority', authorityEnds],
    ] as const
  ).map(([what, ends]) => {
    if (ends === null) return unknown(what, 'it cannot be read')
    const days = Math.floor((ends - now) / dayMs)
    const seen = `it ${days < 0 ? 'ended' : 'ends'} on ${new Date(ends).toISOString().slice(0, 10)} (${days < 0 ? `${-days} days ago` : `in ${days} days`})`
    return lasting(what, seen, days)
  })

const keys = ({ kitTrouble, looseFiles }: MachineFacts): Finding =>
  looseFiles.length === 0
    ? kitTrouble === null
      ? ok('keys', 'readable by their owner alone')
      : unknown('keys', 'there is no whole kit to look at')
    : problem(
        'keys',
        looseFiles.map(({ path, mode }) => `${path} has mode ${mode}`).join('; '),
        `chmod 600 ${looseFiles.map(({ path }) => path).join(' ')}`,
      )

const ports = ({ closedPorts, openPorts }: MachineFacts): Finding => {
  if (closedPorts.length > 0)
    return problem('ports', `no TCP connection to ${closedPorts.join(', ')}`, 'is it on? ops/firewall.md')
  return openPorts === 0
    ? unknown('ports', 'there is nobody else to reach')
    : ok('ports', `${openPorts} of other voters answer (TCP)`)
}

/** Below it the log server soon stops taking commits. */
const leastFree = 1 << 30
/** Every commit waits for one: some ms are a good disk; a tenth of a second is felt in every decision. */
const slowFsyncMs = 50
const badFsyncMs = 500

const disk = ({ disk: facts, sharedDevices, diskStallPercent }: MachineFacts): readonly Finding[] => {
  if (facts === null) return [unknown('disk', 'the state directory cannot be looked at')]
  const { device, fileSystem, freeBytes, totalBytes } = facts
  const where = `${device} (${fileSystem})`
  const isShared = sharedDevices.includes(device) || /^\/dev\/(nbd|drbd)/.test(device)
  const free = `${(freeBytes / 1e9).toFixed(1)} GB of ${(totalBytes / 1e9).toFixed(1)} GB free`
  return [
    isShared
      ? problem(
          'disk of the log',
          `${where} is a mirror, or a disk of a group or of heartbeats`,
          'give the state directory a disk of its own',
        )
      : ['tmpfs', 'ramfs'].includes(fileSystem)
        ? problem(
            'disk of the log',
            `${where} is memory: promises and log are gone with the power`,
            'put the state directory on a disk',
          )
        : ok('disk of the log', where),
    freeBytes < Math.min(leastFree, totalBytes / 10)
      ? problem('free space', free, 'make room: a full disk stops the log server')
      : ok('free space', free),
    fsync(facts),
    busyDisks(diskStallPercent),
  ]
}

const fsync = ({ fsyncMs }: DiskFacts): Finding => {
  if (fsyncMs === null || fsyncMs.length === 0) return unknown('fsync', 'it could not be tried')
  const worst = Math.max(...fsyncMs)
  const seen = `worst of ${fsyncMs.length}: ${worst < 10 ? worst.toFixed(1) : worst.toFixed(0)} ms`
  const remedy = 'move the log to a disk that is not busy'
  if (worst >= badFsyncMs) return problem('fsync', seen, remedy)
  return worst >= slowFsyncMs ? warning('fsync', seen, remedy) : ok('fsync', seen)
}

/** By its pressure stall information: an fsync that happens to be fast says little of a disk that is mostly busy. */
const busyDisks = (percent: number | null): Finding => {
  const what = 'busy disks'
  if (percent === null) return unknown(what, 'the kernel does not tell (no pressure stall information)')
  const seen = `everybody waited for disks ${percent.toFixed(1)} % of the last minute`
  return percent > mostStallPercent ? warning(what, seen, 'give the log a disk of its own') : ok(what, seen)
}
const mostStallPercent = 20

/** Agents write one every minute while there is something new, and at their end. */
const snapshot = ({ snapshotAgeMs }: MachineFacts): Finding =>
  snapshotAgeMs === null
    ? unknown('snapshot', 'there is none yet: the next start reads the whole log')
    : ok('snapshot', `${Math.max(0, Math.round(snapshotAgeMs / 60_000))} min old`)

const memory = ({ swappedKib }: MachineFacts): Finding => {
  if (swappedKib === null) return unknown('memory', 'no agent to look at')
  return swappedKib === 0
    ? ok('memory', 'nothing of the agent is swapped out')
    : warning(
        'memory',
        `${swappedKib} KiB of the agent are swapped out`,
        'more memory, or less swappiness: reading it back may cost the lease',
      )
}

/** What is killed when memory was promised without limit is the kernel's choice; what is swapped out comes back late. */
const kernelMemory = ({ kernelMemory: facts }: MachineFacts): readonly Finding[] => {
  if (facts === null) return [unknown('overcommit', 'it cannot be read')]
  const { overcommit, swappiness, hasSwap } = facts
  return [
    overcommit === 1
      ? warning(
          'overcommit',
          'vm.overcommit_memory is 1: memory is promised without limit, and then something is killed',
          'sysctl vm.overcommit_memory=0',
        )
      : ok('overcommit', `vm.overcommit_memory is ${overcommit}`),
    hasSwap && swappiness > mostSwappiness
      ? warning(
          'swap',
          `there is swap, and vm.swappiness is ${swappiness}: an agent that is swapped out is late`,
          'ops/sysctl/90-baton.conf sets vm.swappiness to 10',
        )
      : ok('swap', hasSwap ? `there is swap; vm.swappiness is ${swappiness}` : 'there is none'),
  ]
}
const mostSwappiness = 10

const nbd = ({ nbd: wanted }: MachineFacts): readonly Finding[] => {
  if (wanted === null) return []
  const mirrors = wanted.mirrors.join(', ')
  return wanted.isThere
    ? [ok('kernel nbd', `there, or can be loaded, for ${mirrors}`)]
    : [
        problem(
          'kernel nbd',
          `this kernel has none; ${mirrors} cannot be served here`,
          'module nbd, or attach: block-file',
        ),
      ]
}

const cgroups = ({ cgroupTrouble }: MachineFacts): Finding =>
  cgroupTrouble === null
    ? ok('control groups', 'can be made: whatever a resource starts can be found and ended')
    : warning(
        'control groups',
        cgroupTrouble,
        'processes are then found by session and environment, which they can shed',
      )
