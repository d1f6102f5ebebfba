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
export const heartbeatPathsOf = ({ object, after, integer }: Pick<Form, 'object' | 'after' | 'integer'>) => ({
  com: object({ baudRate: integer(1200, 4_000_000).default(19_200).describe('Speed of the serial line.') })
    .prefault({})
    .describe('Beats by serial cable, where servers have com.'),
  disk: object({
    interval: after('300ms', { least: '20ms', most: '1m' }).describe('Time from one look at the disk to the next.'),
  })
    .prefault({})
    .describe('Beats by disk, where servers have diskHeartbeat.'),
})
