/** The connection to the log servers: one per process, reconnecting for ever, shared by the log and the beats. */
import { createConnection } from 'node:net'
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
  /** The first of `servers` is this voter's own, which is returned to as soon as it answers again. */
  readonly hasOwn?: boolean
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
  const preference = options.hasOwn ? ownFirst(world) : () => null
  const attempt = connect({
    ...natsOptions(options),
    reconnectToServer: (servers) => {
      // The library's way to call an attempt off, which would go on for ever otherwise.
      if (isLate) throw new LogUnreachable('nobody waits for this connection any more')
      return preference(servers.find(({ listen }) => options.servers[0].endsWith(listen)) ?? null)
    },
  })
  let cancel = () => {}
  const limit = new Promise<'late'>((resolve) => {
    cancel = world.clock.after(options.withinMs, () => resolve('late'))
  })
  const where = options.servers.join(', ')
  try {
    const nats = await Promise.race([attempt, limit])
    if (nats !== 'late')
      return connectionOf(nats, options.hasOwn ? goingHome(world, nats, options.servers[0]) : () => {})
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

/** A log server of our own that is only starting is waited for this long before another one is asked. */
const ownPatienceMs = 4000
/** A refused attempt takes no time: while the others are tried, our own is not tried more often than this. */
const ownEveryMs = 500

/**
 * Which server to dial next: our own, or null for the next in turn. Through another voter's log server we would lose
 * the log, and the beats on it, with that voter: for seconds, until the silence of the connection is noticed.
 */
const ownFirst = (world: Pick<LogWorld, 'clock'>) => {
  const since = world.clock.now()
  let tried = Number.NEGATIVE_INFINITY
  let wasOwn = false
  return <S>(own: S | null): S | null => {
    const now = world.clock.now()
    // 1. Our own log server hangs: its kernel accepts the connection, and an attempt ends after seconds.
    // 2. By then it would be its turn again, for ever. So another one is asked after each attempt.
    const isPatient = now - since <= ownPatienceMs
    if (!isPatient && (wasOwn || now - tried < ownEveryMs)) {
      wasOwn = false
      return null
    }
    tried = now
    wasOwn = true
    return own
  }
}

const homeEveryMs = 2000
const longestHomeMs = 60_000
const homeAcceptsMs = 500

/** Goes back to our own log server once it accepts connections again. Answers how to stop. */
const goingHome = (world: Pick<LogWorld, 'clock'>, nats: NatsConnection, own: string): (() => void) => {
  let pauseMs = homeEveryMs
  let cancel = () => {}
  const look = async () => {
    const isHome = nats.getServer() === own
    if (isHome) pauseMs = homeEveryMs
    else if (!nats.isClosed() && (await accepts(own, homeAcceptsMs))) {
      // It may accept and not answer: then the next attempt has to wait longer.
      pauseMs = Math.min(longestHomeMs, pauseMs * 2)
      await nats.reconnect().catch(() => {})
    }
    if (!nats.isClosed()) cancel = world.clock.after(pauseMs, () => void look())
  }
  cancel = world.clock.after(pauseMs, () => void look())
  return () => cancel()
}

/** Whether something at `host:port` takes a connection. */
export const accepts = (server: string, withinMs: number): Promise<boolean> =>
  new Promise((resolve) => {
    const at = server.lastIndexOf(':')
    const socket = createConnection({
      host: server.slice(0, at).replace(/^\[(.*)\]$/, '$1'),
      port: Number(server.slice(at + 1)),
      timeout: withinMs,
    })
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })

/** Every value differs from the library's default for a reason measured in docs/log-server.md. */
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

const connectionOf = (nats: NatsConnection, stopGoingHome: () => void): LogConnection => {
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
      stopGoingHome()
      await nats.close()
    },
  }
}
