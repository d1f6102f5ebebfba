/** Heartbeat paths that are no network: a serial cable (H3) and a partition of a shared disk (H4). */
import type { Form } from './configuration-form.ts'

/** What a server has of them. */
export const heartbeatDevicesOf = ({ absolutePath }: Form) => ({
  com: absolutePath
    .optional()
    .describe('Serial device with a cross cable to the other server, as /dev/ttyS0; only where there are two servers.'),
  diskHeartbeat: absolutePath
    .optional()
    .describe('Partition of a shared disk, prepared by baton disk-heartbeat init; best by /dev/disk/by-id.'),
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
