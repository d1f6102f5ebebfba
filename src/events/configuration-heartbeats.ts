/** Heartbeat paths that are no network: a serial cable (H3) and a partition of a shared disk (H4). */
import type { Form } from './configuration-form.ts'

/** What a server has of them. */
export const heartbeatDevicesOf = ({ object, address, integer, absolutePath, name }: Form) => ({
  com: absolutePath
    .optional()
    .describe('Serial device with a cross cable to the other server, as /dev/ttyS0; only where there are two servers.'),
  diskHeartbeat: absolutePath
    .optional()
    .describe('Partition of a shared disk, prepared by baton disk-heartbeat init; best by /dev/disk/by-id.'),
  bmc: object({
    address: address.describe('Its address.'),
    port: integer(1, 65_535).default(623).describe('Its UDP port.'),
    device: name.optional().describe('Fence device of type ipmi by which it is asked for the power of the machine.'),
  })
    .optional()
    .describe('Management controller of this server; the others ask whether it is there. Evidence only, no heartbeat.'),
})

/** What is the same for every server; below `heartbeat`. */
export const heartbeatPathsOf = ({ object, after, integer, absolutePath, httpUrl }: Form) => ({
  com: object({ baudRate: integer(1200, 4_000_000).default(19_200).describe('Speed of the serial line.') })
    .prefault({})
    .describe('Beats by serial cable, where servers have com.'),
  disk: object({
    interval: after('300ms', { least: '20ms', most: '1m' }).describe('Time from one look at the disk to the next.'),
  })
    .prefault({})
    .describe('Beats by disk, where servers have diskHeartbeat.'),
  bmc: object({
    interval: after('2s', { least: '100ms', most: '1h' }).describe('Time from one question to the next.'),
    timeout: after('1s', { least: '50ms', most: '1m' }).describe('How long an answer may take.'),
  })
    .prefault({})
    .describe('Asking management controllers, where servers have bmc.'),
  witness: object({
    url: httpUrl.describe('Where `baton witness-web`, or the witness with --http, answers; best by address.'),
    timeout: after('500ms', { least: '10ms', most: '1m' }).describe('How long an answer may take.'),
    ca: absolutePath
      .optional()
      .describe('PEM file of the authority that an https witness is believed from; without it the system’s.'),
  })
    .optional()
    .describe('Beats through a web witness, which has no vote.'),
})
