/** What the log servers of a cluster say of themselves: version, clock, how they sync. */
import { z } from 'zod'
import type { LogConnection } from './jetstream-connection.ts'

export type LogServerReport = {
  readonly name: string
  readonly version: string
  /** Its wall clock when it answered, and ours when the answer came, both in ms. */
  readonly wall: number
  readonly heardAt: number
  /** Every write is followed by an fsync. */
  readonly syncsAlways: boolean
  /** When its certificate ends, in ms of the wall clock; null where it does not say. */
  readonly certificateEnds: number | null
}

const report = z.object({
  server: z.object({ name: z.string() }),
  data: z.object({
    version: z.string(),
    now: z.string(),
    tls_cert_not_after: z.string().optional(),
    jetstream: z.object({ config: z.object({ sync_always: z.boolean().default(false) }).optional() }).optional(),
  }),
})

/** All that answer within the time. @param connection of the system user. @throws when nobody can be asked. */
export const logServerReports = async (
  { nats }: LogConnection,
  { withinMs, wall }: { readonly withinMs: number; readonly wall: () => number },
): Promise<readonly LogServerReport[]> => {
  const reports: LogServerReport[] = []
  const answers = await nats.requestMany('$SYS.REQ.SERVER.PING.VARZ', '', { strategy: 'timer', maxWait: withinMs })
  for await (const answer of answers) {
    const parsed = report.safeParse(answer.json<unknown>())
    if (!parsed.success) continue
    const { server, data } = parsed.data
    reports.push({
      name: server.name,
      version: data.version,
      wall: Date.parse(data.now),
      heardAt: wall(),
      certificateEnds: data.tls_cert_not_after === undefined ? null : Date.parse(data.tls_cert_not_after),
      syncsAlways: data.jetstream?.config?.sync_always ?? false,
    })
  }
  return reports.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
