/** The agent's side of the mutual watch: tells the guardian the lease, starts a guardian when there is none. */
import { type Instant, instant } from '../events/index.ts'
import type { Cancel, LocalConnection, ProcessIdentity, World } from '../world/world.ts'
import { fromGuardian, lineReader, type ToGuardian } from './guardian-protocol.ts'

export type GuardianLinkOptions = {
  readonly socket: string
  /** Starts a guardian. */
  readonly command: readonly [string, ...string[]]
  readonly tag: string
  readonly logFile: string
  readonly own: ProcessIdentity
}

export type GuardianLink = {
  /** Until when an earlier agent of this machine was allowed to run groups (monotonic; the past when it was not). */
  readonly inherited: Instant
  /** Groups may run until `until`; repeated calls with the same time cost nothing. */
  readonly lease: (until: Instant, graceMs: number) => void
  readonly off: () => void
  readonly isThere: () => boolean
  /** The agent goes on purpose and nothing runs: the guardian may go too. */
  readonly end: () => void
  /** The agent goes and leaves everything as it is: the guardian stays. */
  readonly leave: () => void
}

/** How long a guardian may take to start. */
const startMs = 5000
const againMs = 50
/** An earlier agent's last word arrives with the greeting; without one by then, there was none. */
const greetingMs = 1000

/** Connects to the guardian, starting one if need be. Rejects when there is none to be had: nothing may run unguarded. */
export const linkGuardian = async (world: World, options: GuardianLinkOptions): Promise<GuardianLink> => {
  let connection: LocalConnection | null = null
  let last: ToGuardian | null = null
  let isLeaving = false

  const tell = (message: ToGuardian) => connection?.send(`${JSON.stringify(message)}\n`)
  const connect = async (): Promise<number> => {
    const { connected, until } = await reach(world, options)
    connection = connected
    connected.onClose(() => {
      connection = null
      void reconnect()
    })
    tell({ say: 'here', ...options.own })
    if (last) tell(last)
    return until
  }
  /** For as long as the agent lives: one that gave up would leave what runs to nobody. */
  const reconnect = async (): Promise<void> => {
    while (!isLeaving) {
      const isThere = await connect().then(
        () => true,
        () => false,
      )
      if (isThere) return
      await pause(world)
    }
  }
  const until = await connect()
  const toMonotonic = world.clock.now() - world.clock.sinceBoot()
  return {
    inherited: instant(until === 0 ? Number.NEGATIVE_INFINITY : until + toMonotonic),
    lease: (at, graceMs) => {
      const untilBoot = Math.round(at - world.clock.now() + world.clock.sinceBoot())
      if (last?.say === 'lease' && last.until === untilBoot) return
      last = { say: 'lease', until: untilBoot, graceMs }
      tell(last)
    },
    off: () => {
      if (last?.say === 'off') return
      last = { say: 'off' }
      tell(last)
    },
    isThere: () => connection !== null,
    end: () => {
      isLeaving = true
      tell({ say: 'end' })
      connection?.close()
    },
    leave: () => {
      isLeaving = true
      connection?.close()
    },
  }
}

const reach = async (
  world: World,
  options: GuardianLinkOptions,
): Promise<{ readonly connected: LocalConnection; readonly until: number }> => {
  const deadline = world.clock.now() + startMs
  let started: ProcessIdentity | null = null
  for (;;) {
    const reached = await greet(world, options.socket)
    if (reached) return reached
    if (world.clock.now() > deadline) throw new GuardianMissing(`no guardian could be started: see ${options.logFile}`)
    // One that died before it was reached is as good as none.
    if (started === null || !world.processes.isAlive(started))
      started = await world.processes.launch(options.command, { tag: options.tag, logFile: options.logFile })
    await pause(world)
  }
}

const pause = (world: World) => new Promise<void>((resolve) => world.clock.after(againMs, resolve))

/** Nothing watches over this agent: it must not run groups. */
export class GuardianMissing extends Error {
  override readonly name = 'GuardianMissing'
}

/**
 * Connects, and waits for the first word. Null when there is no guardian: nor is one that is being killed, whose socket
 * the kernel still answers for a moment after it has closed the connection before.
 */
const greet = async (world: World, socket: string) => {
  const connected = await world.local.connect(socket)
  if (connected === null) return null
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const cancel: Cancel = world.clock.after(greetingMs, () => resolve(0))
  connected.onClose(() => resolve(null))
  connected.onText(lineReader(fromGuardian, ({ until }) => resolve(until)))
  const until = await promise.finally(cancel)
  return until === null ? null : { connected, until }
}
