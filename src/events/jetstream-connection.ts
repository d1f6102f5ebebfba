/** The connection to the log servers: one per process, reconnecting for ever, shared by the log and the beats. */
import { connect, type NatsConnection, nkeyAuthenticator } from 'nats'
import type { Hash, Instant } from './ids.ts'

/** What the log needs of the world. */
export type LogWorld = {
  readonly clock: {
    readonly now: () => Instant
    readonly after: (delayMs: number, run: () => void) => () => void
  }
  /** SHA-256, base64url. */
  readonly digest: (bytes: string) => Hash
}

/** PEM texts, and the seed of an nkey of the cluster's account. */
export type LogCredentials = {
  readonly ca: string
  readonly certificate: string
  readonly key: string
  readonly seed: string
}

export type LogConnectionOptions = {
  /** Shown in the log server's own listings. */
  readonly name: string
  /** `host:port` of the log servers, the nearest first: it is the one that is used while it answers. */
  readonly servers: readonly [string, ...string[]]
  /** Null only where a log server without keys is wanted: never in a cluster. */
  readonly credentials: LogCredentials | null
  /** How long to wait for the first log server to answer. */
  readonly withinMs: number
}

/** Opaque outside `src/events/jetstream-*`. */
export type LogConnection = {
  readonly nats: NatsConnection
  readonly isConnected: () => boolean
  /** Name of the voter whose log server this process is connected to. */
  readonly server: () => string | null
  readonly onReconnect: (run: () => void) => () => void
  readonly close: () => Promise<void>
}

/** No log server let us in: none is there, or none accepts these credentials. */
export class LogUnreachable extends Error {
  override readonly name = 'LogUnreachable'
}

/** Connects to the first log server that answers. @throws LogUnreachable after `withinMs`. */
export const connectLog = async (
  world: Pick<LogWorld, 'clock'>,
  options: LogConnectionOptions,
): Promise<LogConnection> => {
  let isLate = false
  const attempt = connect({
    ...natsOptions(options),
    // The library's way to call an attempt off, which would go on for ever otherwise.
    reconnectToServer: () => {
      if (isLate) throw new LogUnreachable('nobody waits for this connection any more')
      return null
    },
  })
  let cancel = () => {}
  const limit = new Promise<'late'>((resolve) => {
    cancel = world.clock.after(options.withinMs, () => resolve('late'))
  })
  const where = options.servers.join(', ')
  try {
    const nats = await Promise.race([attempt, limit])
    if (nats !== 'late') return connectionOf(nats)
  } catch (cause) {
    throw new LogUnreachable(`no log server lets us in: ${where}`, { cause })
  } finally {
    cancel()
  }
  isLate = true
  // It may just have succeeded.
  attempt.then((nats) => nats.close()).catch(() => {})
  throw new LogUnreachable(`no log server answers within ${options.withinMs} ms: ${where}`)
}

/** Every value differs from the library's default for a reason measured in design/nats.md, section 3. */
const natsOptions = ({ name, servers, credentials }: LogConnectionOptions) => ({
  name,
  servers: [...servers],
  maxReconnectAttempts: -1,
  reconnectTimeWait: 100,
  reconnectJitter: 50,
  reconnectJitterTLS: 50,
  // Finds a hung log server within about 3 s.
  pingInterval: 1000,
  maxPingOut: 2,
  timeout: 2000,
  waitOnFirstConnect: true,
  noRandomize: true,
  ignoreClusterUpdates: true,
  ignoreAuthErrorAbort: true,
  noAsyncTraces: true,
  ...(credentials && {
    tls: { ca: credentials.ca, cert: credentials.certificate, key: credentials.key },
    authenticator: nkeyAuthenticator(new TextEncoder().encode(credentials.seed)),
  }),
})

const connectionOf = (nats: NatsConnection): LogConnection => {
  const listeners = new Set<() => void>()
  let connected = true
  const watch = async () => {
    for await (const { type } of nats.status()) {
      if (type === 'disconnect' || type === 'close') connected = false
      if (type !== 'reconnect') continue
      connected = true
      for (const run of listeners) run()
    }
  }
  watch().catch(() => {})
  return {
    nats,
    isConnected: () => connected && !nats.isClosed(),
    server: () => nats.info?.server_name ?? null,
    onReconnect: (run) => {
      listeners.add(run)
      return () => listeners.delete(run)
    },
    close: async () => {
      connected = false
      await nats.close()
    },
  }
}
