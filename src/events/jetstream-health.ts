/** Whether a log server can still store anything, by its own word. */
import { z } from 'zod'
import type { LogConnection } from './jetstream-connection.ts'

const health = z.object({ data: z.object({ status_code: z.number(), error: z.string().default('') }) })

/**
 * Why the log server that `connection` leads to has given up storing, for good, until it is restarted: it does so at
 * the first failed write, say on a full disk. Null when it has not; waiting for a leader or for other voters does not
 * count. @param connection of the system user. @throws when the log server does not answer.
 */
export const frozenBecause = async ({ nats }: LogConnection): Promise<string | null> => {
  const server = nats.info?.server_id ?? ''
  const reply = await nats.request(`$SYS.REQ.SERVER.${server}.HEALTHZ`, '', { timeout: 2000 })
  const { status_code, error } = health.parse(reply.json<unknown>()).data
  const isFrozen = status_code !== 200 && (error.includes('write error') || error.includes('(10076)'))
  return isFrozen ? error : null
}
