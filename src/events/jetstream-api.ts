/** Requests to JetStream's API and what their failures mean. Failures are values: every one of them is to be expected. */
import { PermissionViolationError, RequestError } from 'nats'
import { z } from 'zod'
import type { LogConnection } from './jetstream-connection.ts'

/** Codes of JetStream that something here depends on. */
export const code = {
  systemUnavailable: 10008,
  insufficientResources: 10023,
  memoryExceeded: 10028,
  noMessage: 10037,
  notEnabledForAccount: 10039,
  storageExceeded: 10047,
  messageTooLarge: 10054,
  nameInUse: 10058,
  streamNotFound: 10059,
  streamMismatch: 10060,
  wrongLastMessageId: 10070,
  wrongLastSequence: 10071,
  notEnabled: 10076,
  idInProcess: 10158,
  wrongLastSequenceConstant: 10164,
} as const

/**
 * - a number: JetStream refused, with this code.
 * - `refused`: nobody took the request: no leader, no such server, no permission. It had no effect.
 * - `lost`: no answer came. It may have had its effect, or may still have it.
 */
export type Failure = { readonly failed: number | 'refused' | 'lost'; readonly because: string }

const errorReply = z.object({
  error: z.object({ code: z.number(), err_code: z.number().optional(), description: z.string().default('') }),
})

/** Parses a reply of JetStream, or its error. */
export const parseReply = <T extends object>(schema: z.ZodType<T>, text: string): T | Failure => {
  try {
    const json: unknown = JSON.parse(text)
    const failed = errorReply.safeParse(json)
    if (failed.success) {
      const { code, err_code, description } = failed.data.error
      return { failed: err_code ?? code, because: description }
    }
    const parsed = schema.safeParse(json)
    if (parsed.success) return parsed.data
  } catch {}
  return { failed: 'lost', because: `an answer that makes no sense: ${text.slice(0, 200)}` }
}

/** What became of a request that has thrown. */
export const failureOf = (error: unknown): Failure => {
  const because = error instanceof Error ? error.message : String(error)
  const cause = error instanceof Error ? error.cause : undefined
  const refused =
    (error instanceof RequestError && error.isNoResponders()) ||
    error instanceof PermissionViolationError ||
    cause instanceof PermissionViolationError
  return { failed: refused ? 'refused' : 'lost', because }
}

/** Asks `$JS.API.<subject>`. Never throws. */
export const ask = async <T extends object>(
  connection: LogConnection,
  subject: string,
  request: { readonly schema: z.ZodType<T>; readonly body?: unknown; readonly timeoutMs?: number },
): Promise<T | Failure> => {
  if (!connection.isConnected()) return { failed: 'refused', because: 'not connected' }
  try {
    const body = request.body === undefined ? '' : JSON.stringify(request.body)
    const reply = await connection.nats.request(`$JS.API.${subject}`, body, { timeout: request.timeoutMs ?? 1000 })
    return parseReply(request.schema, reply.string())
  } catch (error) {
    return failureOf(error)
  }
}
