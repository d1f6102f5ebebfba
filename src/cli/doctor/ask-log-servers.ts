/** Asks the log servers for what `log-server-checks.ts` judges. */
import { logServersByWord, type VoterKit } from '../../agents/voter/voter-kit.ts'
import { accepts, connectLog } from '../../events/jetstream-connection.ts'
import { logServerReports } from '../../events/jetstream-servers.ts'
import { realClock } from '../../world/clock.ts'
import type { LogServerFacts } from './log-server-checks.ts'

const acceptMs = 1000
const connectMs = 5000
const answerMs = 1000

type Reports = LogServerFacts['reports']

/** What those say that answer; the trouble where none does. `now`: the wall clock. */
export const askLogServers = async (kit: VoterKit, now: () => number): Promise<Reports> => {
  const answers = await Promise.all(logServersByWord(kit).map((servers) => askAt(kit, servers, now)))
  const heard = answers.flatMap((answer) => ('trouble' in answer ? [] : [answer]))
  return heard.length > 0 ? heard.flat() : (answers[0] ?? [])
}

/** All that answer through one of `servers`. */
const askAt = async (kit: VoterKit, servers: readonly string[], now: () => number): Promise<Reports> => {
  // An attempt at a machine that is off is not ended with its connection: it would hold this process for minutes.
  const accepting = await Promise.all(servers.map((server) => accepts(server, acceptMs)))
  const [first, ...others] = servers.filter((_, index) => accepting[index])
  if (first === undefined) return { trouble: `no log server takes a connection: ${servers.join(', ')}` }
  try {
    const connection = await connectLog(
      { clock: realClock },
      {
        name: `doctor on ${kit.own.name}`,
        servers: [first, ...others],
        credentials: { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.system.seed },
        withinMs: connectMs,
      },
    )
    try {
      return await logServerReports(connection, { withinMs: answerMs, wall: now })
    } finally {
      await connection.close()
    }
  } catch (error) {
    const { cause, message } = error instanceof Error ? error : new Error(String(error))
    return { trouble: cause instanceof Error ? `${message} (${cause.message})` : message }
  }
}
