/** Topology `pair`: the two copies of the log, as the log itself tells of them. Part of the stream `server`. */
import { z } from 'zod'
import { decode } from './ids.ts'

export const logCopyEvents = {
  /** From here on a commit must be on this server's copy too: it has everything before this. */
  LogCopyJoined: z.object({ server: decode.server }),
  /** This server's copy had `count` commits after `after` that are not on this log; they are kept there in `file`. */
  LogTailSetAside: z.object({
    server: decode.server,
    after: decode.sequence,
    count: z.number().int(),
    file: z.string(),
  }),
}
