/** Words that the ways of attaching share, and how each keeps within its limit. */
import type { RunResult, World } from '../../world/world.ts'

export type AttachWorld = Pick<World, 'processes' | 'files' | 'clock' | 'devices'>
export type Limit = { readonly timeoutMs: number; readonly signal: AbortSignal }
export type Run = (argv: readonly [string, ...string[]]) => Promise<RunResult>

/** `stalled`: something did not answer in time; trying again by itself does not help. */
export type AttachFailure = { readonly ok: false; readonly because: string; readonly stalled: boolean }
export type AttachOutcome = { readonly ok: true; readonly device: string } | AttachFailure
/** The device is there until `release`; afterwards a loop device as long as it is used, one of nbd until it is detached. */
export type Attachment =
  | { readonly ok: true; readonly device: string; readonly release: () => Promise<void> }
  | AttachFailure
export type DetachOutcome = { readonly ok: true } | AttachFailure

/** How often the mount table, a device or a socket is looked at while it is waited for. */
const lookEveryMs = 20

export const failed = (because: string): AttachFailure => ({ ok: false, because, stalled: false })
export const late = (because: string): AttachFailure => ({ ok: false, because, stalled: true })
export const failureOf = ({ timedOut, code, stderr }: RunResult, what: string): AttachFailure =>
  timedOut
    ? late(`${what} did not end in time`)
    : failed(`${what} failed with code ${code}: ${stderr.trim().split('\n').at(-1) ?? ''}`)

/** Each program gets what is left of the limit. */
export const runner = (world: AttachWorld, { timeoutMs, signal }: Limit): Run => {
  const until = world.clock.now() + timeoutMs
  return (argv) => world.processes.run(argv, { timeoutMs: Math.max(1, until - world.clock.now()), signal })
}

export const waited = async <T>(world: AttachWorld, limit: Limit, look: () => Promise<T | null>): Promise<T | null> => {
  const until = world.clock.now() + limit.timeoutMs
  for (;;) {
    const found = await look()
    if (found !== null || limit.signal.aborted || world.clock.now() >= until) return found
    await new Promise<void>((resolve) => void world.clock.after(lookEveryMs, resolve))
  }
}

/** Of sysfs: devices come and go while they are looked at. */
export const readOrNull = async (world: AttachWorld, path: string): Promise<string | null> => {
  try {
    return (await world.files.read(path))?.trim() ?? null
  } catch {
    return null
  }
}

/** As the kernel calls it: without its folder. */
export const nameOf = (device: string): string => device.replace(/^\/dev\//, '')
export const sizeOf = async (world: AttachWorld, device: string): Promise<number> =>
  Number(await readOrNull(world, `/sys/block/${nameOf(device)}/size`)) * 512
