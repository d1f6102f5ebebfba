/** The part of the configuration's schema that says what a group is made of (O4, O5). */
import { z } from 'zod'
import type { Form } from './configuration-form.ts'
import { mirrorOf } from './configuration-mirror.ts'
import { machineActions } from './fencing.ts'

export const finalActions = ['none', 'stop-group', 'stop-service', ...machineActions] as const
export type FinalAction = (typeof finalActions)[number]

/** `usual`: how long this type of resource may take, unless the configuration says otherwise. */
const commonOf = ({ object, after, integer, name }: Form, usual: string) => ({
  after: z.array(name).default([]).describe('Resources of the same group that must be online before this one starts.'),
  activation: object({
    timeout: after(usual, { least: '100ms' }).describe('Starting longer than this is a stall, which is a failure.'),
    retries: integer(0, 99).default(0).describe('Further attempts on the same server when starting failed.'),
    failovers: integer(0, 99).default(1).describe('Failovers after the retries.'),
    finalAction: z.enum(finalActions).default('none').describe('What is done when no failover is left.'),
    stallAction: z
      .enum(finalActions)
      .optional()
      .describe('What is done at a stall, at once; without it, a stall is a failure like any other.'),
  })
    .prefault({})
    .describe('What is done when starting fails.'),
  deactivation: object({
    timeout: after(usual, { least: '100ms' }).describe('Stopping longer than this is a stall, which is a failure.'),
    retries: integer(0, 99).default(0).describe('Further attempts when stopping failed.'),
    finalAction: z
      .enum(finalActions)
      .default('stop-service')
      .describe('What is done when stopping failed; a half-stopped resource must not meet its successor.'),
    stallAction: z
      .enum(finalActions)
      .optional()
      .describe('The same for a stall; without it, a stall is a failure like any other.'),
  })
    .prefault({})
    .describe('What is done when stopping fails.'),
})

const execOf = (form: Form) => {
  const { object, after, integer, script, text, absolutePath } = form
  return object({
    type: z.literal('exec').describe('A program, by its start and stop scripts (R1).'),
    ...commonOf(form, '30m'),
    start: script.describe('A shell command line, a whole script beginning with #!, or {file: path}.'),
    stop: script
      .optional()
      .describe('Without it, the processes that start left are ended: SIGTERM, after killAfter SIGKILL.'),
    mode: z
      .enum(['resident', 'run-to-end'])
      .default('resident')
      .describe('resident: the start script stays and is the service. run-to-end: it starts something and exits 0.'),
    user: text.optional().describe('The user the scripts run as; without it, the one the agent runs as.'),
    directory: absolutePath.optional().describe('Where the scripts run.'),
    environment: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable'), z.string())
      .default({})
      .describe('Environment variables beside the CLP_* and BATON_* ones.'),
    limits: z
      .record(
        z.string().regex(/^[a-zA-Z]$/, 'the letter of a limit, as ulimit has it'),
        z.union([z.int().min(0), z.literal('unlimited')], 'a whole number that is not negative, or unlimited'),
      )
      .default({})
      .describe('ulimit values by their letter, such as n: 65536.'),
    killAfter: after('10s', { most: '1h' }).describe('Time between SIGTERM and SIGKILL when there is no stop script.'),
    logSize: integer(1024, 1_073_741_824).default(1_048_576).describe('Bytes at which the output log is rotated.'),
  })
}

const fipOf = (form: Form) => {
  const { object, after, addressWithPrefix, nic } = form
  return object({
    type: z.literal('fip').describe('A floating IP address (R2).'),
    ...commonOf(form, '1m'),
    address: addressWithPrefix.describe('10.0.0.100 takes the prefix length of its NIC; 10.0.0.100/24 states it.'),
    nic: nic.optional().describe('The network interface; without it, the one that holds the subnet.'),
    duplicate: z
      .enum(['refuse', 'force'])
      .default('refuse')
      .describe('What to do when somebody answers for the address already.'),
    duplicateWait: after('40ms', { most: '10s' }).describe('How long to listen for somebody who has the address.'),
    duplicatePatience: after('2s', { most: '5m' }).describe(
      'How long to wait for somebody who has the address to let go of it, as a server that is just being taken down does.',
    ),
    reannounce: after('60s').describe(
      'How often the address is announced again, for caches that missed it; 0s = never. In its first minute it is announced more often.',
    ),
  })
}

const diskOf = (form: Form) => {
  const { object, after, absolutePath, text } = form
  return object({
    type: z.literal('disk').describe('A file system on a shared disk (R4).'),
    ...commonOf(form, '30m'),
    device: absolutePath.describe(
      'The block device, best by a name that is the same on every server: /dev/disk/by-id/….',
    ),
    mountPoint: absolutePath.describe('The directory it is mounted on.'),
    fileSystem: text.optional().describe('Its type, such as ext4; without it, what the disk says.'),
    options: z.string().default('defaults').describe('Mount options.'),
    fsck: z.enum(['never', 'always', 'when-needed']).default('when-needed').describe('Check before mounting.'),
    killUsersAfter: after('5s', { most: '1h' }).describe(
      'Processes that hold the mount are ended when it does not unmount within this time.',
    ),
  })
}

const serviceOf = (form: Form) =>
  form.object({
    type: z.literal('service').describe('A systemd unit (R11).'),
    ...commonOf(form, '5m'),
    unit: form.text.describe('Its name, such as postgresql.service. It must not be enabled: the cluster starts it.'),
  })

/** The schema of one failover group (O4). */
export const groupOf = (form: Form) => {
  const { object, after, integer, name } = form
  const resource = z.discriminatedUnion('type', [
    execOf(form),
    fipOf(form),
    diskOf(form),
    mirrorOf(form, commonOf(form, '30m')),
    serviceOf(form),
  ])
  return object({
    kind: z
      .enum(['failover', 'management'])
      .default('failover')
      .describe(
        'management: only floating addresses, by which operators reach the cluster; it runs on servers that await their return, too.',
      ),
    servers: z.array(name).min(1).describe('Where it may run, in order of preference; the first is its home.'),
    startup: z.enum(['auto', 'manual']).default('auto').describe('Started with the cluster, or only when asked.'),
    failover: z
      .enum(['auto', 'dynamic', 'manual'])
      .default('auto')
      .describe('At a failure: the next server in order, the healthiest one, or wait for an operator.'),
    failback: z.enum(['manual', 'auto']).default('manual').describe('Return home when its home is fit again.'),
    exclusion: z
      .enum(['off', 'normal', 'absolute'])
      .default('off')
      .describe('normal: apart from other exclusive groups where possible. absolute: never together.'),
    maxFailovers: z
      .union([integer(0, 9999), z.literal('unlimited')], 'a whole number from 0 to 9999, or unlimited')
      .default('unlimited')
      .describe('After so many failovers a group that keeps failing stays where it is.'),
    healthyAfter: after('10m', { least: '1s' }).describe(
      'Online so long without a failure, failovers count from 0 again.',
    ),
    resources: z.record(name, resource).describe('What the group is made of, by name.'),
  })
}
