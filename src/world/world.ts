/**
 * Everything impure that the product touches, as narrow interfaces. The real forms stand beside this file; the
 * simulation brings its own. Nothing outside this folder may touch time, chance, network, disk or processes.
 */
import type { Hash, Instant, WallTime } from '../events/ids.ts'
import type { UnixDatagrams } from './unix-datagram.ts'

export type Cancel = () => void

export type Clock = {
  /** CLOCK_MONOTONIC in ms: stands still while the machine is suspended. */
  readonly now: () => Instant
  /** CLOCK_BOOTTIME in ms: goes on while the machine is suspended. A growing difference to `now` is a suspend. */
  readonly sinceBoot: () => Instant
  /** CLOCK_MONOTONIC_RAW in ms: the hardware's own rate, which NTP does not touch. Not in every world. */
  readonly raw?: () => number
  /** For people and for the `at` of commits only. */
  readonly wall: () => WallTime
  /** Runs once after `delayMs`, not earlier; never keeps the process alive by itself. */
  readonly after: (delayMs: number, run: () => void) => Cancel
}

export type Random = {
  /** A new unique id, 22 characters of a subject token. */
  readonly id: () => string
  /** Uniform in [0, 1). */
  readonly fraction: () => number
}

/** Names one process for ever: a pid alone is reused. `startTicks` is field 22 of /proc/PID/stat. */
export type ProcessIdentity = { readonly pid: number; readonly startTicks: number }

export type RunOptions = {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  readonly input?: string
  /** Added to the agent's own environment. */
  readonly environment?: Readonly<Record<string, string>>
  readonly user?: string
  readonly directory?: string
  /** Appended to with stdout and stderr; otherwise both are returned, 64 KiB of each at most. */
  readonly logFile?: string
  readonly nice?: number
  /** ulimit values by letter. */
  readonly limits?: Readonly<Record<string, number | 'unlimited'>>
  /** What it starts, and what that leaves behind, belongs to this tag (see `launch`). */
  readonly tag?: string
}
export type RunResult = {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  readonly elapsedMs: number
}

export type Processes = {
  /** Runs to the end. Never rejects: a command that cannot be started has code 127 and says why in stderr. At the
   *  time-out or abort its whole process group is killed. */
  readonly run: (argv: readonly [string, ...string[]], options: RunOptions) => Promise<RunResult>
  /** Starts something that stays: own session, survives this process. Resolves when it has been started. */
  readonly launch: (
    argv: readonly [string, ...string[]],
    options: Omit<RunOptions, 'timeoutMs' | 'input' | 'signal'> & { readonly tag: string; readonly logFile: string },
  ) => Promise<ProcessIdentity>
  /** Every living process that was started under `tag`, also by an earlier agent, descendants included. */
  readonly members: (tag: string) => Promise<readonly ProcessIdentity[]>
  /** Signals all of them; answers how many were there. */
  readonly signalAll: (tag: string, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => Promise<number>
  /** Event-driven, also for processes that are not our children. `code` is null when it cannot be known. */
  readonly onExit: (process: ProcessIdentity, exited: (code: number | null) => void) => Cancel
  /** This very process. */
  readonly own: () => ProcessIdentity
  /** A zombie is not alive. */
  readonly isAlive: (process: ProcessIdentity) => boolean
  /** Signals this very process, never a later one with its pid; false when it is gone. */
  readonly signal: (process: ProcessIdentity, signal: 'SIGTERM' | 'SIGKILL') => boolean
}

export type Files = {
  /** Content, or null when there is no such file. */
  readonly read: (path: string) => Promise<string | null>
  /** Replaces the file: temporary file, fsync, rename, fsync of the directory. On disk when it resolves. */
  readonly writeDurably: (path: string, content: string) => Promise<void>
  /** Replaces the file in one step, but not durably: for what is written anew after a crash anyway. */
  readonly write: (
    path: string,
    content: string,
    access?: { readonly mode: number; readonly owner?: string | undefined },
  ) => Promise<void>
  readonly append: (path: string, content: string) => Promise<void>
  /** Moves the content to `path.1`, what was there to `path.2`, and empties the file: whoever has it open for
   *  appending goes on in the emptied file. Lines written in between may be lost. */
  readonly rotate: (path: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  readonly makeDirectory: (path: string) => Promise<void>
  readonly list: (path: string) => Promise<readonly string[]>
  readonly size: (path: string) => Promise<number>
  readonly rename: (from: string, to: string) => Promise<void>
  /** Keeps the file for this process until it ends, however it ends. Null: that is done; else the pid of who has it. */
  readonly lock: (path: string) => Promise<number | null>
}

export type Datagrams = {
  /** Listens on `address:port`; @throws when it cannot be bound. */
  readonly bind: (
    at: { readonly address: string; readonly port: number },
    received: (bytes: Uint8Array, from: { readonly address: string; readonly port: number }) => void,
  ) => Promise<DatagramSocket>
}
export type DatagramSocket = {
  /** Best effort; an unreachable network is no error, it is silence. */
  readonly send: (bytes: Uint8Array, to: { readonly address: string; readonly port: number }) => void
  readonly close: () => void
}

/** An address as the kernel has it on a NIC of this machine's network namespace. */
export type NicAddress = {
  readonly nic: string
  /** In the shortest form: `10.0.0.1`, `fd00::1`. */
  readonly address: string
  readonly prefix: number
  /** IPv6: the kernel found that somebody else has it. */
  readonly duplicate: boolean
}
export type Nic = {
  readonly name: string
  /** Set up by the administrator. */
  readonly isUp: boolean
  /** The cable, or its like, is connected. */
  readonly hasCarrier: boolean
  /** Lower case with colons; empty where there is none. */
  readonly mac: string
}
/** What the kernel answers to an order; `missing` = there was nothing to remove, `exists` = it is there already. */
export type NetworkAnswer = 'done' | 'exists' | 'missing' | 'not-permitted' | { readonly failed: string }

export type Network = {
  readonly nics: () => readonly Nic[]
  readonly addresses: () => readonly NicAddress[]
  /** IPv6 without the kernel's own duplicate detection, so that it can be used at once: ask `isTaken` before. */
  readonly addAddress: (address: string, prefix: number, nic: string) => NetworkAnswer
  readonly removeAddress: (address: string, prefix: number, nic: string) => NetworkAnswer
  /** Event-driven: the state or an address of any NIC changed. Answers null where the kernel does not tell. */
  readonly onNicChange: (changed: () => void) => Cancel | null
  /** Asks by ICMP echo; resolves to those that answered, as soon as all have or after `timeoutMs`.
   *  @throws NetworkTrouble when nobody can be asked: that is not silence. */
  readonly answering: (
    addresses: readonly string[],
    timeoutMs: number,
    signal?: AbortSignal,
  ) => Promise<readonly string[]>
}

export type HttpQuestion = {
  readonly method: 'HEAD' | 'POST'
  readonly url: string
  readonly body?: Uint8Array
  /** For all of it, connecting included. */
  readonly timeoutMs: number
  /** A longer answer is trouble; 64 KiB unless told. */
  readonly largestBytes?: number
  /** Authorities that an https server is believed from, PEM; without it the system's. */
  readonly ca?: string
  /** Keeps the connection for the next question. */
  readonly keepAlive?: boolean
}
export type HttpClient = {
  /** @throws NetworkTrouble when no answer came, whatever the reason. */
  readonly ask: (question: HttpQuestion) => Promise<{ readonly status: number; readonly body: Uint8Array }>
}

export type HttpRequest = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: Uint8Array
  /** Address of the asker. */
  readonly from: string
}
export type HttpAnswer = { readonly status: number; readonly body: string | Uint8Array; readonly type?: string }
export type HttpServers = {
  /** Serves until closed. Slow, large and many requests are cut off. @throws when it cannot be bound. */
  readonly listen: (
    at: {
      readonly address: string
      /** 0 = any that is free. */
      readonly port: number
      /** PEM texts; null = plain HTTP. */
      readonly tls: { readonly certificate: string; readonly key: string } | null
      readonly largestBytes: number
    },
    answer: (request: HttpRequest) => HttpAnswer,
  ) => Promise<{ readonly port: number; readonly close: () => void }>
}

/** The other machines of one network segment (ARP, RFC 5227; neighbour discovery, RFC 4861). */
export type Neighbours = {
  /** The MAC that answers for the address, null when nobody did within `waitMs`. This machine's own do not count.
   *  @throws NetworkTrouble when it cannot be asked (no CAP_NET_RAW, NIC down). */
  readonly isTaken: (address: string, nic: string, waitMs: number) => Promise<string | null>
  /** Tells everybody that the address is here: gratuitous ARP, or an unsolicited neighbour advertisement.
   *  @throws NetworkTrouble as above. */
  readonly announce: (address: string, nic: string) => Promise<void>
}

export type Devices = {
  /** Somebody of this kernel has the block device exclusively: mounted, in any namespace, or part of an array. */
  readonly isHeld: (device: string) => Promise<boolean>
  /** Has the block device open until told otherwise, or until this process is gone. Nobody else is kept away. */
  readonly keepOpen: (device: string) => Promise<() => Promise<void>>
  /** Whether two paths name the same block device. */
  readonly isSame: (one: string, other: string) => Promise<boolean>
  /** Processes with a file open or mapped, or their directory or root, on the file system mounted there. */
  readonly users: (mountPoint: string) => Promise<readonly ProcessIdentity[]>
}

export type LocalConnection = {
  readonly send: (text: string) => void
  readonly onText: (heard: (text: string) => void) => void
  readonly onClose: (closed: () => void) => void
  readonly close: () => void
}

/** One request as the handler sees it; `reply` may be written to as long as the asker listens. */
export type LocalRequest = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly reply: LocalReply
}
export type LocalReply = {
  readonly begin: (status: number, type: 'application/json' | 'application/x-ndjson' | 'text/plain') => void
  /** False: the asker reads slower than is written; wait for `drained`. */
  readonly write: (text: string) => boolean
  readonly drained: () => Promise<void>
  readonly end: (text?: string) => void
  readonly onGone: (gone: () => void) => void
}

/** Unix sockets between processes of one machine, readable by this user only. */
export type LocalSockets = {
  /** Listens on `path`; replaces the socket a dead process left. @throws when it cannot. */
  readonly listen: (path: string, connected: (connection: LocalConnection) => void) => Promise<Cancel>
  /** Connects to `path`; null when nobody listens there. */
  readonly connect: (path: string) => Promise<LocalConnection | null>
  /** Serves HTTP on the unix socket `path`. @throws when it cannot. */
  readonly serve: (path: string, handle: (request: LocalRequest) => void) => Promise<Cancel>
}

/** RS-232 and its like: 8 data bits, no parity, 1 stop bit, no flow control. */
export type SerialLines = {
  /** What was received before it was opened is thrown away. `closed`: by the other side or by the system, told once;
   *  not by our own `close`. Rejects when it cannot be opened. */
  readonly open: (
    device: string,
    options: {
      readonly baudRate: number
      readonly received: (bytes: Uint8Array) => void
      readonly closed: (because: string) => void
    },
  ) => Promise<SerialLine>
}
export type SerialLine = {
  /** Resolves once the system has taken the bytes, which is before they are on the line. Never resolves, perhaps,
   *  where the system takes nothing any more: the caller needs a limit of its own. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly close: () => void
}

/** Block devices, past every cache of this machine. */
export type RawDisks = {
  /** Offsets and lengths have to be multiples of this. */
  readonly sectorBytes: number
  /** `exclusive`: fails when it is mounted or part of something. Rejects when it cannot be opened. */
  readonly open: (device: string, options?: { readonly exclusive?: boolean }) => Promise<RawDisk>
}
/** One call at a time: the next one only after the last has settled. A disk that hangs settles late or never. */
export type RawDisk = {
  readonly sizeBytes: number
  readonly read: (offset: number, length: number) => Promise<Uint8Array>
  readonly write: (offset: number, bytes: Uint8Array) => Promise<void>
  readonly sync: () => Promise<void>
  readonly close: () => Promise<void>
}

export type World = {
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly files: Files
  readonly datagrams: Datagrams
  readonly network: Network
  readonly neighbours: Neighbours
  readonly http: HttpClient
  readonly httpServers: HttpServers
  readonly devices: Devices
  readonly serialLines: SerialLines
  readonly rawDisks: RawDisks
  readonly local: LocalSockets
  /** Opens a sender to datagram sockets of this machine: syslog's, a service manager's. */
  readonly localDatagrams: () => UnixDatagrams
  /** What this machine calls itself. */
  readonly hostName: () => string
  /** SHA-256, base64url. */
  readonly digest: (bytes: string) => Hash
  /** HMAC-SHA-256. */
  readonly authenticate: (key: Uint8Array, bytes: Uint8Array) => Uint8Array
  /** Identifies this boot of the machine. */
  readonly bootId: () => string
}
