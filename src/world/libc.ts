/** The few system calls that Node lacks, typed. Everything unsafe about calling C is in this file. */
import koffi from 'koffi'

/** A system call failed: `errno` as the kernel gave it. */
export class SystemCallFailed extends Error {
  override readonly name = 'SystemCallFailed'
  readonly errno: number
  constructor(call: string, errno: number) {
    super(`${call}: ${errorName(errno)}`)
    this.errno = errno
  }
}

/** Error numbers that somebody decides by; the same on every architecture Baton runs on. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
}

/** `ENODEV` and the like. */
export const errorName = (code: number): string =>
  Object.entries(koffi.os.errno).find(([, value]) => value === code)?.[0] ?? `errno ${code}`

const library = koffi.load(null)
const bind = <F extends (...values: never[]) => unknown>(definition: string): F =>
  library.func(definition) as unknown as F

type Bytes = Uint8Array

const raw = {
  syscall2:
    bind<(n: number, at: 'int', a: number, bt: 'unsigned int', b: number) => number | bigint>(
      'long syscall(long, ...)',
    ),
  syscall4:
    bind<
      (
        n: number,
        at: 'int',
        a: number,
        bt: 'int',
        b: number,
        ct: 'void *',
        c: null,
        dt: 'unsigned int',
        d: number,
      ) => number | bigint
    >('long syscall(long, ...)'),
  close: bind<(fd: number) => number>('int close(int)'),
  fallocate: bind<(fd: number, mode: number, at: number, length: number) => number>(
    'int fallocate(int, int, int64_t, int64_t)',
  ),
  flock: bind<(fd: number, operation: number) => number>('int flock(int, int)'),
  ioctl: bind<(fd: number, request: number, at: 'void *', argument: Bytes) => number>(
    'int ioctl(int, unsigned long, ...)',
  ),
  mount: bind<(source: string, target: string, type: string, flags: number, options: string) => number>(
    'int mount(str, str, str, unsigned long, str)',
  ),
  umount2: bind<(target: string, flags: number) => number>('int umount2(str, int)'),
  prctl: bind<(option: number, at: 'unsigned long', value: number) => number>('int prctl(int, ...)'),
  clock_gettime: bind<(clock: number, at: BigInt64Array) => number>('int clock_gettime(int, void *)'),
  epoll_create1: bind<(flags: number) => number>('int epoll_create1(int)'),
  epoll_ctl: bind<(epoll: number, operation: number, fd: number, event: Bytes) => number>(
    'int epoll_ctl(int, int, int, void *)',
  ),
  eventfd: bind<(initial: number, flags: number) => number>('int eventfd(unsigned int, int)'),
  read: bind<(fd: number, into: Bytes, size: number) => number>('long read(int, void *, size_t)'),
  write: bind<(fd: number, from: Bytes, size: number) => number>('long write(int, void *, size_t)'),
  socket: bind<(domain: number, type: number, protocol: number) => number>('int socket(int, int, int)'),
  bind: bind<(fd: number, address: Bytes, size: number) => number>('int bind(int, void *, unsigned int)'),
  connect: bind<(fd: number, address: Bytes, size: number) => number>('int connect(int, void *, unsigned int)'),
  setsockopt: bind<(fd: number, level: number, option: number, value: Bytes, size: number) => number>(
    'int setsockopt(int, int, int, void *, unsigned int)',
  ),
  sendto: bind<(fd: number, from: Bytes, size: number, flags: number, address: Bytes, length: number) => number>(
    'long sendto(int, void *, size_t, int, void *, unsigned int)',
  ),
  recvfrom: bind<(fd: number, into: Bytes, size: number, flags: number, address: Bytes, length: Int32Array) => number>(
    'long recvfrom(int, void *, size_t, int, void *, void *)',
  ),
}
/** By their numbers: the library that wraps them is no part of the C library. */
const aio = {
  setup: bind<(n: number, entries: number, context: BigUint64Array) => number | bigint>(
    'long syscall(long, unsigned int, void *)',
  ),
  destroy: bind<(n: number, context: bigint) => number | bigint>('long syscall(long, uint64_t)'),
  submit: bind<(n: number, context: bigint, count: number, requests: BigUint64Array) => number | bigint>(
    'long syscall(long, uint64_t, long, void *)',
  ),
  getEvents: bind<
    (n: number, context: bigint, least: number, most: number, events: Bytes, limit: null) => number | bigint
  >('long syscall(long, uint64_t, long, long, void *, void *)'),
}
const epollWait = library.func('int epoll_wait(int, void *, int, int)')

/** The result, or throws what the kernel said. */
const checked = (call: string, result: number | bigint): number => {
  if (result < 0) throw new SystemCallFailed(call, koffi.errno())
  return Number(result)
}

const clockReading = new BigInt64Array(2)
/** Milliseconds of a kernel clock, by its number in clock_gettime(2). */
export const readClock = (clock: number): number => {
  checked('clock_gettime', raw.clock_gettime(clock, clockReading))
  return Number(clockReading[0]) * 1000 + Number(clockReading[1]) / 1e6
}

/** ioctl(2) with an argument that the kernel reads, writes, or both. @throws SystemCallFailed */
export const control = (fd: number, request: number, argument: Bytes): void => {
  checked('ioctl', raw.ioctl(fd, request, 'void *', argument))
}

// Numbers from 424 up are the same on every architecture.
const pidfdOpenNumber = 434
/** A descriptor that becomes readable when the process ends. @throws SystemCallFailed */
export const openPidfd = (pid: number): number =>
  checked('pidfd_open', raw.syscall2(pidfdOpenNumber, 'int', pid, 'unsigned int', 0))

const pidfdSendSignalNumber = 424
/** Signals exactly the process the descriptor was opened for; false when it is gone. */
export const signalPidfd = (pidfd: number, signal: number): boolean =>
  Number(raw.syscall4(pidfdSendSignalNumber, 'int', pidfd, 'int', signal, 'void *', null, 'unsigned int', 0)) === 0

export const closeDescriptor = (fd: number): void => {
  raw.close(fd)
}

const closeLater = library.func('int close(int)')
/** Closes in a thread of the pool: for sockets whose close waits until all processors have let go of them. */
export const closeInBackground = (fd: number): void => {
  closeLater.async(fd, () => undefined)
}

const closeOnExec = 0o2000000
const nonBlocking = 0o4000

export const createEpoll = (): number => checked('epoll_create1', raw.epoll_create1(closeOnExec))
export const createEventfd = (): number => checked('eventfd', raw.eventfd(0, closeOnExec | nonBlocking))

/** struct epoll_event is packed on x86-64 only. */
const isPacked = process.arch === 'x64'
const epollEventBytes = isPacked ? 12 : 16
const epollDataAt = isPacked ? 4 : 8
const readable = 1

export const addToEpoll = (epoll: number, fd: number): void => {
  const event = Buffer.alloc(epollEventBytes)
  event.writeUInt32LE(readable, 0)
  event.writeInt32LE(fd, epollDataAt)
  checked('epoll_ctl', raw.epoll_ctl(epoll, 1, fd, event))
}
export const removeFromEpoll = (epoll: number, fd: number): void => {
  raw.epoll_ctl(epoll, 2, fd, Buffer.alloc(epollEventBytes))
}

const eventsAtOnce = 64
/** Waits in a thread of the pool; answers the descriptors that are ready, none at the time-out. */
export const waitForEpoll = (epoll: number, timeoutMs: number, ready: (fds: readonly number[]) => void): void => {
  const events = Buffer.alloc(epollEventBytes * eventsAtOnce)
  epollWait.async(epoll, events, eventsAtOnce, timeoutMs, (_failed: unknown, count: unknown) => {
    const fds: number[] = []
    for (let i = 0; i < Number(count); i++) fds.push(events.readInt32LE(i * epollEventBytes + epollDataAt))
    ready(fds)
  })
}

/** Adds to an eventfd's count, which makes it readable. */
export const signalEventfd = (fd: number): void => {
  const one = Buffer.alloc(8)
  one.writeUInt8(1, 0)
  raw.write(fd, one, 8)
}
export const clearEventfd = (fd: number): void => {
  raw.read(fd, Buffer.alloc(8), 8)
}

/** A non-blocking socket by the numbers of socket(2). @throws SystemCallFailed */
export const openSocket = (domain: number, type: number, protocol: number): number =>
  checked('socket', raw.socket(domain, type | closeOnExec | nonBlocking, protocol))
export const bindSocket = (fd: number, address: Bytes): void => {
  checked('bind', raw.bind(fd, address, address.length))
}
/** @throws SystemCallFailed */
export const connectSocket = (fd: number, address: Bytes): void => {
  checked('connect', raw.connect(fd, address, address.length))
}
export const setSocketOption = (fd: number, level: number, option: number, value: Bytes): void => {
  checked('setsockopt', raw.setsockopt(fd, level, option, value, value.length))
}
/** @throws SystemCallFailed */
export const sendTo = (fd: number, bytes: Bytes, address: Bytes): void => {
  checked('sendto', raw.sendto(fd, bytes, bytes.length, 0, address, address.length))
}

const addressBytes = 128
/** What has arrived and the sender's socket address; null when nothing is there now. */
export const receiveFrom = (fd: number, into: Buffer): { readonly bytes: Buffer; readonly from: Buffer } | null => {
  const from = Buffer.alloc(addressBytes)
  const length = Int32Array.of(addressBytes)
  const size = raw.recvfrom(fd, into, into.length, 0, from, length)
  if (Number(size) < 0) return null
  return { bytes: into.subarray(0, Number(size)), from: from.subarray(0, length[0]) }
}

const [exclusively, atOnce] = [2, 4]
/** flock(2), until the descriptor is closed; false when another one has it. @throws SystemCallFailed */
export const lockDescriptor = (fd: number): boolean => {
  if (raw.flock(fd, exclusively | atOnce) === 0) return true
  const failure = koffi.errno()
  if (failure === errno.EAGAIN) return false
  throw new SystemCallFailed('flock', failure)
}

type AioNumbers = {
  readonly setup: number
  readonly destroy: number
  readonly getEvents: number
  readonly submit: number
}
const aioNumbers: Readonly<Record<string, AioNumbers>> = {
  x64: { setup: 206, destroy: 207, getEvents: 208, submit: 209 },
  arm64: { setup: 0, destroy: 1, getEvents: 4, submit: 2 },
}
/** struct iocb and struct io_event of linux/aio_abi.h. */
export const aioAbi = { requestBytes: 64, eventBytes: 32, read: 0, write: 1 } as const

/** Asynchronous I/O of the kernel. */
export type KernelAio = {
  /** How many of these requests (their addresses) were taken, the first ones. @throws SystemCallFailed none */
  readonly submit: (requests: BigUint64Array, count: number) => number
  /** Waits until so many have ended, or a signal comes; how many there are in `events`. @throws Error: what they write to is not safe */
  readonly wait: (events: Bytes, count: number) => number
  readonly close: () => void
}

/** For so many requests at a time; null where the kernel has none to give. */
export const openKernelAio = (entries: number): KernelAio | null => {
  const numbers = aioNumbers[process.arch]
  const context = new BigUint64Array(1)
  if (numbers === undefined || Number(aio.setup(numbers.setup, entries, context)) !== 0) return null
  const id = context[0] ?? 0n
  return {
    submit: (requests, count) => checked('io_submit', aio.submit(numbers.submit, id, count, requests)),
    wait: (events, count) => {
      const ended = aio.getEvents(numbers.getEvents, id, count, count, events, null)
      if (ended >= 0) return Number(ended)
      const failure = koffi.errno()
      if (failure === errno.EINTR) return 0
      throw new Error(`io_getevents: ${errorName(failure)}`)
    },
    close: () => {
      aio.destroy(numbers.destroy, id)
    },
  }
}

const keepSize = 1
/** Gives the range back: it reads as zeros afterwards. @throws SystemCallFailed EOPNOTSUPP where that cannot be had. */
export const punchHole = (fd: number, at: number, length: number): void => {
  checked('fallocate', raw.fallocate(fd, 2 | keepSize, at, length))
}
/** Makes the range read as zeros, and keeps it allocated. @throws SystemCallFailed as above. */
export const zeroRange = (fd: number, at: number, length: number): void => {
  checked('fallocate', raw.fallocate(fd, 16 | keepSize, at, length))
}

/** One read(2) from a descriptor that does not block; null when nothing is there now. @throws SystemCallFailed */
export const readNow = (fd: number, into: Bytes): number | null => {
  const size = Number(raw.read(fd, into, into.length))
  if (size >= 0) return size
  const failure = koffi.errno()
  if (failure === errno.EAGAIN) return null
  throw new SystemCallFailed('read', failure)
}

/** One write(2) that takes all of it, or fails. @throws SystemCallFailed */
export const writeNow = (fd: number, bytes: Bytes): void => {
  if (checked('write', raw.write(fd, bytes, bytes.length)) < bytes.length)
    throw new SystemCallFailed('write', errno.EAGAIN)
}

/** No programs, devices or set-user-id there. */
const mountFlags = 2 + 4 + 8
/** @throws SystemCallFailed */
export const mount = (source: string, target: string, type: string, options: string): void => {
  checked(`mount ${target}`, raw.mount(source, target, type, mountFlags, options))
}
const unmountFlag = { force: 1, detach: 2, noFollow: 8 }
/**
 * False when nothing is mounted there. `detach`: out of sight at once, gone with its last user. `force`: a FUSE server
 * is cut off first. @throws SystemCallFailed
 */
export const unmount = (target: string, how: 'detach' | 'force'): boolean => {
  if (raw.umount2(target, unmountFlag[how] + unmountFlag.noFollow) >= 0) return true
  const failure = koffi.errno()
  if (failure === errno.EINVAL || failure === errno.ENOENT) return false
  throw new SystemCallFailed(`umount ${target}`, failure)
}

const setIoFlusher = 57
/**
 * Tells the kernel that this thread writes on behalf of a block device: when memory is short it must not wait for what
 * that device has to write. False where it is not permitted (CAP_SYS_RESOURCE).
 */
export const becomeIoFlusher = (): boolean => raw.prctl(setIoFlusher, 'unsigned long', 1) === 0

/** Where the bytes lie in memory: direct I/O wants them on a boundary. */
export const addressOf = (bytes: Bytes): bigint => koffi.address(bytes)
