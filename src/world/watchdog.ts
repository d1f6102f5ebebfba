/**
 * The hardware watchdog (Linux watchdog API): a device that resets the machine unless it is written to in time.
 * Whatever only looks like one is refused: a machine that is said to be reset and is not is worse than one without.
 */
import { closeSync, constants, openSync, readlinkSync, type Stats, statSync, writeSync } from 'node:fs'
import { control, errno, SystemCallFailed } from './libc.ts'

export type WatchdogSettings = { readonly timeoutMs: number; readonly pretimeoutMs: number | null }

/** Armed from the moment it is opened. */
export type OpenWatchdog = {
  /** What the driver calls itself. */
  readonly identity: string
  /** As the driver has it, which may be longer than what was asked for. */
  readonly timeoutMs: number
  /** Null where none was asked for, or the driver knows none. */
  readonly pretimeoutMs: number | null
  /** @throws what the device says */
  readonly feed: () => void
  /** Closes it; false where the driver goes on (nowayout): then the machine is reset. */
  readonly disarm: () => boolean
}
export type Refused = { readonly refused: string }
export type Watchdogs = {
  /** Opens and arms the device, or says why it cannot be relied on. */
  readonly open: (device: string, settings: WatchdogSettings) => OpenWatchdog | Refused
  /** The same questions without arming anything; null = it is a watchdog. */
  readonly whyNot: (device: string) => string | null
}

/** The misc device `/dev/watchdog`; the kernel's list of devices. */
const miscMajor = 10
const watchdogMinor = 130

/** linux/watchdog.h; `_IOR('W', n, int)` and the like, the same on every architecture Baton runs on. */
const getSupport = 0x80285700
const setOptions = 0x80045704
const setTimeoutRequest = 0xc0045706
const getTimeout = 0x80045707
const setPretimeout = 0xc0045708
const options = { setTimeout: 0x80, magicClose: 0x100, pretimeout: 0x200 } as const
const disableCard = 1
/** struct watchdog_info: options, firmware version, 32 bytes of name. */
const infoBytes = 40

const inKernel = (device: number): { readonly major: number; readonly minor: number } => ({
  major: (device >>> 8) & 0xfff,
  minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
})

/** The kernel knows this device number as a watchdog. */
const isWatchdogClass = ({ major, minor }: { readonly major: number; readonly minor: number }): boolean => {
  try {
    return readlinkSync(`/sys/dev/char/${major}:${minor}/subsystem`).endsWith('/watchdog')
  } catch {
    return false
  }
}

const whyNot: Watchdogs['whyNot'] = (device) => {
  let found: Stats
  try {
    found = statSync(device)
  } catch (error) {
    return `${device} cannot be found (${codeOf(error)}): no driver is loaded, or the path is another`
  }
  if (!found.isCharacterDevice()) return `${device} is no character device, so no watchdog`
  const number = inKernel(found.rdev)
  if (number.major === miscMajor && number.minor === watchdogMinor) return null
  if (isWatchdogClass(number)) return null
  return `${device} is device ${number.major}:${number.minor}, which the kernel does not know as a watchdog`
}

const open: Watchdogs['open'] = (device, settings) => {
  const refused = whyNot(device)
  if (refused !== null) return { refused }
  let fd: number
  try {
    fd = openSync(device, constants.O_WRONLY)
  } catch (error) {
    const code = codeOf(error)
    const held = code === 'EBUSY' ? ': somebody else feeds it (systemd’s RuntimeWatchdogSec, watchdogd, sbd)' : ''
    return { refused: `${device} cannot be opened (${code})${held}` }
  }
  const file: WatchdogFile = {
    control: (request, argument) => control(fd, request, argument),
    write: (text) => void writeSync(fd, text),
    close: () => closeSync(fd),
  }
  try {
    return openedWatchdog(file, settings)
  } catch (error) {
    // Whatever it is, it was armed by being opened.
    closeSafely(file)
    return { refused: `${device} does not do what a watchdog does: ${error instanceof Error ? error.message : error}` }
  }
}

/** What the kernel lets one do with a watchdog that is open. All throw what it says. */
export type WatchdogFile = {
  /** ioctl(2) */
  readonly control: (request: number, argument: Uint8Array) => void
  readonly write: (text: string) => void
  readonly close: () => void
}

/** Gives an open device its times, and learns what it made of them. @throws what the device says */
export const openedWatchdog = (file: WatchdogFile, { timeoutMs, pretimeoutMs }: WatchdogSettings): OpenWatchdog => {
  const info = Buffer.alloc(infoBytes)
  file.control(getSupport, info)
  const supported = info.readUInt32LE(0)
  const identity = info.toString('latin1', 8, infoBytes).split('\0')[0] ?? ''
  if ((supported & options.setTimeout) !== 0) askWith(file, setTimeoutRequest, Math.ceil(timeoutMs / 1000))
  const actual = askWith(file, getTimeout, 0) * 1000
  const hasPretimeout = pretimeoutMs !== null && (supported & options.pretimeout) !== 0
  const pretimeout = hasPretimeout ? askWith(file, setPretimeout, Math.ceil(pretimeoutMs / 1000)) * 1000 : null
  return {
    identity,
    timeoutMs: actual,
    pretimeoutMs: pretimeout,
    // Any byte but V.
    feed: () => file.write('.'),
    disarm: () => {
      const hasStopped = stop(file) ?? (supported & options.magicClose) !== 0
      closeSafely(file)
      return hasStopped
    },
  }
}

/** A close tells nothing of nowayout, so the driver is told to stop first; null: an old one, which cannot be told. */
const stop = (file: WatchdogFile): boolean | null => {
  try {
    askWith(file, setOptions, disableCard)
    return true
  } catch (error) {
    const isUnknown = error instanceof SystemCallFailed && unknownRequest.includes(error.errno)
    return isUnknown ? null : false
  }
}
const unknownRequest: readonly number[] = [errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP]

/** An ioctl that takes an int, and answers one in its place. */
const askWith = (file: WatchdogFile, request: number, value: number): number => {
  const argument = Buffer.alloc(4)
  argument.writeInt32LE(value)
  file.control(request, argument)
  return argument.readInt32LE()
}

/** Magic close: without the V before it, the driver takes the close for a crash. */
const closeSafely = (file: WatchdogFile): void => {
  try {
    file.write('V')
  } catch {
    // Not a watchdog, or gone: then there is nothing to disarm.
  }
  file.close()
}

const codeOf = (error: unknown): string =>
  error instanceof SystemCallFailed
    ? error.message
    : error instanceof Error && 'code' in error
      ? String(error.code)
      : String(error)

/** The watchdogs of this machine. */
export const realWatchdogs: Watchdogs = { open, whyNot }
