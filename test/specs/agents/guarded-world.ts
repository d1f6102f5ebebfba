/** What specs of agent and guardian need beside the virtual world: sockets in memory, processes that can be ended. */
import type { OpenWatchdog, Watchdogs } from '../../../src/world/watchdog.ts'
import type { LocalConnection, Processes, ProcessIdentity, World } from '../../../src/world/world.ts'
import { VirtualWorld } from '../virtual-world.ts'

export type Running = { readonly name: string; readonly after?: string; readonly isKept?: boolean }

export class GuardedWorld {
  readonly virtual = new VirtualWorld()
  readonly killed: number[] = []
  readonly launched: string[][] = []
  /** Whose processes were all ended. */
  readonly endedTags: string[] = []
  readonly runs: string[][] = []
  /** Processes that are not alive. */
  readonly gone = new Set<number>()
  /** Called when something is launched. */
  onLaunch: () => void = () => {}
  #listener: ((connection: LocalConnection) => void) | null = null
  #connections: (() => void)[] = []
  /** Frozen: what is sent to the guardian stays unread. */
  isFrozen = false

  /** As an agent leaves it that runs these resources of `web`, under epoch 5. */
  writeManifest(path: string, resources: readonly Running[]): void {
    const running = resources.map(({ name, after, isKept }) => ({
      group: 'web',
      resource: name,
      epoch: 5,
      since: 5,
      isUp: true,
      isKept,
      configuration: { type: 'exec', start: name, after: after === undefined ? [] : [after] },
      environment: {},
    }))
    this.virtual.disk.set(path, JSON.stringify({ boot: this.virtual.boot, running }))
  }

  get world(): World {
    const { world } = this.virtual
    const processes: Partial<Processes> = {
      ...world.processes,
      signal: ({ pid }) => {
        this.killed.push(pid)
        this.gone.add(pid)
        return true
      },
      signalAll: async (tag) => {
        this.endedTags.push(tag)
        return 0
      },
      isAlive: ({ pid }) => !this.gone.has(pid),
      onExit: ({ pid }, exited) => {
        if (this.gone.has(pid)) queueMicrotask(() => exited(null))
        return () => {}
      },
      launch: async (argv) => {
        this.launched.push([...argv])
        this.onLaunch()
        return { pid: 5000 + this.launched.length, startTicks: 1 } satisfies ProcessIdentity
      },
      run: async (argv) => {
        this.runs.push([...argv])
        return { code: 0, signal: null, stdout: '', stderr: '', timedOut: false, elapsedMs: 1 }
      },
    }
    return {
      ...world,
      processes: processes as Processes, // cast: the rest is not touched
      local: {
        listen: async (_path, connected) => {
          this.#listener = connected
          return () => {
            this.#listener = null
          }
        },
        connect: async () => this.#connect(),
        serve: async () => () => {},
      },
    }
  }

  /** The guardian is gone: nobody listens, and every connection closes. */
  readonly guardianDies = (): void => {
    this.#listener = null
    for (const close of this.#connections.splice(0)) close()
  }

  #connect(): LocalConnection | null {
    const listener = this.#listener
    if (listener === null) return null
    const [agent, guardian] = pairOf(() => this.isFrozen)
    this.#connections.push(agent.close)
    listener(guardian)
    return agent
  }
}

/** Two ends; what was said before anybody listened is kept. */
const pairOf = (isFrozen: () => boolean): readonly [LocalConnection, LocalConnection] => {
  const heard: ((text: string) => void)[][] = [[], []]
  const waiting: string[][] = [[], []]
  const closed: (() => void)[] = []
  let isOpen = true
  const end = (me: 0 | 1): LocalConnection => ({
    send: (text) => {
      if (!isOpen || isFrozen()) return
      const other = me === 0 ? 1 : 0
      const listeners = heard[other] ?? []
      if (listeners.length === 0) waiting[other]?.push(text)
      for (const listener of listeners) queueMicrotask(() => listener(text))
    },
    onText: (listener) => {
      heard[me]?.push(listener)
      for (const text of waiting[me]?.splice(0) ?? []) queueMicrotask(() => listener(text))
    },
    onClose: (listener) => closed.push(listener),
    close: () => {
      if (!isOpen) return
      isOpen = false
      for (const listener of closed) queueMicrotask(listener)
    },
  })
  return [end(0), end(1)]
}

/** A watchdog in whole seconds that resets the machine, as it says in `isReset`. */
export class VirtualWatchdog {
  readonly #virtual: VirtualWorld
  /** Null: not armed. */
  fedAt: number | null = null
  feeds = 0
  timeoutMs = 0
  refuses: string | null = null
  feedTrouble: string | null = null
  leastTimeoutMs = 1000
  wasDisarmed = false

  constructor(virtual: VirtualWorld) {
    this.#virtual = virtual
  }

  /** When it resets the machine, unless it is fed before. */
  get firesAt(): number {
    return this.fedAt === null ? Number.POSITIVE_INFINITY : this.fedAt + this.timeoutMs
  }

  readonly watchdogs: Watchdogs = {
    whyNot: () => this.refuses,
    open: (_device, { timeoutMs, pretimeoutMs }) => {
      if (this.refuses !== null) return { refused: this.refuses }
      this.timeoutMs = Math.max(this.leastTimeoutMs, Math.ceil(timeoutMs / 1000) * 1000)
      this.fedAt = this.#virtual.now
      return {
        identity: 'virtual watchdog',
        timeoutMs: this.timeoutMs,
        pretimeoutMs,
        feed: () => {
          if (this.feedTrouble !== null) throw new Error(this.feedTrouble)
          if (this.#virtual.now > this.firesAt) throw new Error('the machine has been reset')
          this.feeds += 1
          this.fedAt = this.#virtual.now
        },
        disarm: () => {
          this.fedAt = null
          this.wasDisarmed = true
          return true
        },
      } satisfies OpenWatchdog
    },
  }
}
