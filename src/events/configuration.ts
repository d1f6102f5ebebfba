/**
 * The cluster's configuration: one schema in two forms. People write durations with a unit (`3s`); on the log they
 * are milliseconds, with every default filled in, so that a later version's defaults never change what was decided.
 */
import { z } from 'zod'
import { namePattern } from './ids.ts'

/** Milliseconds of a duration as people write it: `300ms`, `3s`, `5m`, `1h`; null when it is none. */
export const parseDuration = (text: string): number | null => {
  const match = /^([1-9]\d*|0|\d+\.\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) return null
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 'ms' | 's' | 'm' | 'h' | 'd']
  const ms = Math.round(Number(match[1]) * unit)
  return ms <= 30 * 86_400_000 ? ms : null
}

const writtenDuration = z.string().transform((text, context) => {
  const ms = parseDuration(text)
  if (ms !== null) return ms
  context.addIssue({
    code: 'custom',
    message: `a duration is a number with a unit, at most 30d: 300ms, 3s, 5m, 1h (not "${text}")`,
  })
  return z.NEVER
})
const storedDuration = z.number().min(0)

const name = z.string().regex(namePattern, 'a name starts with a letter and has at most 31 letters, digits, - or _')
const ipAddress = z.union([z.ipv4(), z.ipv6()])

/** The schema of a configuration whose durations look like `duration`. */
const configurationOf = (duration: z.ZodType<number, unknown>) => {
  /** A duration with the default written as people would: `after('3s')`. */
  const after = (text: string) => duration.default(parseDuration(text) ?? 0)
  const finalAction = z.enum(['none', 'stop-group', 'stop-service'])

  const voter = z.object({
    name,
    /** One address per network, by the network's name; the first network is the interconnect. */
    addresses: z.record(name, ipAddress),
    /** Only where voters share an address, as in a demo on loopback: ports of this voter. */
    ports: z.object({ heartbeat: z.int(), log: z.int(), route: z.int() }).partial().optional(),
  })

  const heartbeat = z.object({
    interval: after('300ms'),
    /** T: silence after which a voter supports a server's removal. */
    timeout: after('3s'),
    /** R: within which a server that lost its lease is provably off. */
    release: after('1s'),
    /** D: the part of R that stopping takes, watchdog's reset included. */
    stop: after('800ms'),
    /** ρ: how far a clock's rate may be off, in percent. */
    clockRateError: z.number().min(0).max(20).default(2),
    /** Largest one-way delay of a beat that is still to be expected. */
    delay: after('20ms'),
    /** Longest pause of the process or the machine that must not cost the lease. */
    stall: after('200ms'),
    /** k: beats in a row that may be lost without harm. */
    lostBeats: z.int().min(0).default(2),
  })

  const resourceCommon = {
    /** Resources of the same group that must be online first. */
    after: z.array(name).default([]),
    activation: z
      .object({
        timeout: duration.optional(),
        retries: z.int().min(0).max(99).default(0),
        failovers: z.int().min(0).max(99).default(1),
        finalAction: finalAction.default('none'),
      })
      .prefault({}),
    deactivation: z
      .object({
        timeout: duration.optional(),
        retries: z.int().min(0).max(99).default(0),
        finalAction: finalAction.default('stop-service'),
      })
      .prefault({}),
  }
  const exec = z.object({
    type: z.literal('exec'),
    ...resourceCommon,
    /** A shell command line, or a whole script beginning with `#!`. */
    start: z.string().min(1),
    /** Without it, stopping ends the processes that `start` left (SIGTERM, then SIGKILL). */
    stop: z.string().optional(),
    /** `resident`: the start script stays and *is* the service. `run-to-end`: it starts something and exits 0. */
    mode: z.enum(['resident', 'run-to-end']).default('resident'),
    user: z.string().optional(),
    directory: z.string().optional(),
    environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
    /** ulimit values by their letter: `n: 65536`. */
    limits: z.record(z.string().regex(/^[a-zA-Z]$/), z.union([z.int().min(0), z.literal('unlimited')])).default({}),
    /** Time between SIGTERM and SIGKILL when there is no stop script. */
    killAfter: after('10s'),
    /** The output log is rotated at this size. */
    logSize: z.int().min(1024).default(1_048_576),
  })
  const fip = z.object({
    type: z.literal('fip'),
    ...resourceCommon,
    /** `10.0.0.100` takes the prefix length of the NIC that holds the subnet; `10.0.0.100/24` states it. */
    address: z.string().regex(/^[0-9a-fA-F.:]+(\/\d{1,3})?$/, 'an IPv4 or IPv6 address, with or without /prefix'),
    nic: z.string().optional(),
    /** What to do when somebody answers for the address already. */
    duplicate: z.enum(['refuse', 'force']).default('refuse'),
    /** How long to listen for somebody who has the address. */
    duplicateWait: after('40ms'),
    /** The address is announced again after this time, for caches that missed the first (0s = never). */
    reannounce: after('60s'),
  })
  const disk = z.object({
    type: z.literal('disk'),
    ...resourceCommon,
    device: z.string().startsWith('/'),
    mountPoint: z.string().startsWith('/'),
    fileSystem: z.string().optional(),
    options: z.string().default('defaults'),
    fsck: z.enum(['never', 'always', 'when-needed']).default('when-needed'),
    /** Processes that hold the mount are ended when it does not unmount within this time. */
    killUsersAfter: after('5s'),
  })
  const service = z.object({ type: z.literal('service'), ...resourceCommon, unit: z.string().min(1) })
  const resource = z.discriminatedUnion('type', [exec, fip, disk, service])

  const group = z.object({
    servers: z.array(name).min(1),
    startup: z.enum(['auto', 'manual']).default('auto'),
    failover: z.enum(['auto', 'dynamic', 'manual']).default('auto'),
    failback: z.enum(['manual', 'auto']).default('manual'),
    exclusion: z.enum(['off', 'normal', 'absolute']).default('off'),
    /** Failovers at most before a group that keeps failing stays where it is; `unlimited` for no limit. */
    maxFailovers: z.union([z.int().min(0), z.literal('unlimited')]).default('unlimited'),
    /** After this long online without a failure, the failovers count from zero again. */
    healthyAfter: after('10m'),
    resources: z.record(name, resource),
  })

  const monitorCommon = {
    interval: after('10s'),
    timeout: after('5s'),
    retries: z.int().min(0).max(999).default(1),
    startDelay: after('0s'),
    when: z.enum(['always', 'active']).default('always'),
    /** What is watched while active, and what recovery acts on. */
    target: z.object({ group: name, resource: name.optional() }).optional(),
    servers: z.array(name).optional(),
    nice: z.int().min(-20).max(19).default(0),
    /** Percent of the time-out above which a slow probe is worth a warning; 100 = never, 0 = always. */
    delayWarning: z.int().min(0).max(100).default(80),
    onTimeout: z.object({ retry: z.boolean().default(false), recover: z.boolean().default(false) }).prefault({}),
    recovery: z
      .object({
        on: z.enum(['resource', 'group', 'all-groups', 'server']).default('resource'),
        script: z.string().optional(),
        restarts: z.int().min(0).max(99).default(3),
        failovers: z.int().min(0).max(99).default(1),
        finalAction: finalAction.default('none'),
        healthyAfter: after('10m'),
      })
      .prefault({}),
  }
  const monitor = z.discriminatedUnion('type', [
    z.object({ type: z.literal('ipw'), ...monitorCommon, addresses: z.array(ipAddress).min(1) }),
    z.object({ type: z.literal('pidw'), ...monitorCommon }),
    z.object({ type: z.literal('miiw'), ...monitorCommon, nic: z.string().min(1) }),
    z.object({
      type: z.literal('genw'),
      ...monitorCommon,
      script: z.string().min(1),
      normalExit: z.array(z.int().min(0).max(255)).default([0]),
      /** `async`: the script stays; its exit is the error. */
      mode: z.enum(['sync', 'async']).default('sync'),
      user: z.string().optional(),
    }),
  ])

  return z.object({
    cluster: name,
    servers: z.array(voter).min(1).max(7),
    witness: voter.optional(),
    /** Which servers vote when there are more than can; default: all, the witness added when that makes them odd. */
    voters: z.array(name).optional(),
    ports: z
      .object({ heartbeat: z.int().default(29002), log: z.int().default(29010), route: z.int().default(29011) })
      .prefault({}),
    heartbeat: heartbeat.prefault({}),
    /** P3: how long a starting cluster waits for servers that are not there yet. */
    startSync: after('5m'),
    npResolution: z
      .object({
        ping: z
          .object({
            targets: z.array(ipAddress).min(1),
            interval: after('1s'),
            timeout: after('500ms'),
            wait: after('1s'),
          })
          .optional(),
      })
      .prefault({}),
    alerts: z
      .object({
        file: z.boolean().default(true),
        syslog: z
          .object({
            local: z.boolean().default(true),
            udp: z
              .string()
              .regex(/^.+:\d+$/, 'host:port')
              .optional(),
            facility: z
              .enum(['daemon', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'])
              .default('daemon'),
          })
          .prefault({}),
      })
      .prefault({}),
    /** Recovery by monitors is recorded but not done, anywhere. */
    suppressRecovery: z.boolean().default(false),
    groups: z.record(name, group).default({}),
    monitors: z.record(name, monitor).default({}),
  })
}

/** As people write it; strict, so that a misspelt key is an error and not a silent default. */
export const writtenConfiguration = configurationOf(writtenDuration)
/** As it stands on the log. */
export const storedConfiguration = configurationOf(storedDuration)

export type Configuration = z.output<typeof storedConfiguration>
export type VoterConfiguration = Configuration['servers'][number]
export type GroupConfiguration = Configuration['groups'][string]
export type ResourceConfiguration = GroupConfiguration['resources'][string]
export type ExecConfiguration = Extract<ResourceConfiguration, { type: 'exec' }>
export type FipConfiguration = Extract<ResourceConfiguration, { type: 'fip' }>
export type DiskConfiguration = Extract<ResourceConfiguration, { type: 'disk' }>
export type ServiceConfiguration = Extract<ResourceConfiguration, { type: 'service' }>
export type MonitorConfiguration = Configuration['monitors'][string]
