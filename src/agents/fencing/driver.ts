/** What can end a server: one driver a type of device. Drivers never throw; a time-out is a failure, never a success. */
import type { FenceDeviceConfiguration } from '../../events/index.ts'
import type { RunResult, World } from '../../world/world.ts'

export type DeviceType = FenceDeviceConfiguration['type']
export type DeviceOf<Type extends DeviceType> = Extract<FenceDeviceConfiguration, { type: Type }>

/** One device as it is asked about one server. */
export type FenceTarget<Type extends DeviceType = DeviceType> = {
  readonly server: string
  readonly name: string
  readonly device: DeviceOf<Type>
  /** Where scripts of the configuration are kept while they run. */
  readonly directory: string
}

export type FenceAnswer = { readonly ok: true } | { readonly ok: false; readonly because: string }
export type PowerStatus = { readonly power: 'on' | 'off' } | { readonly power: 'unknown'; readonly because: string }

export type FenceDriver<Type extends DeviceType> = {
  /** Settles with `ok` only once the server is off, as far as this device can know. */
  readonly off: (target: FenceTarget<Type>, limit: Limit) => Promise<FenceAnswer>
  readonly on: (target: FenceTarget<Type>, limit: Limit) => Promise<FenceAnswer>
  readonly status: (target: FenceTarget<Type>, limit: Limit) => Promise<PowerStatus>
}

/** How much time is left, on the monotonic clock; and whether nobody waits any more. */
export type Limit = { readonly leftMs: () => number; readonly signal: AbortSignal }

export const limitOf = (world: World, timeoutMs: number, signal: AbortSignal): Limit => {
  const until = world.clock.now() + timeoutMs
  return { leftMs: () => Math.max(0, until - world.clock.now()), signal }
}

/** How long a pause between two looks at the power may be. */
const lookAgainMs = 300
/** Looks in a row that may fail before the device counts as broken. */
const mostFailedLooks = 3

/** Orders it off, and looks until it is: whatever the order was answered, what is seen counts. */
export const offAndSeen = async (
  world: World,
  limit: Limit,
  { order, look }: { readonly order: () => Promise<FenceAnswer>; readonly look: () => Promise<PowerStatus> },
): Promise<FenceAnswer> => {
  const ordered = await order()
  let failedLooks = 0
  let last = ordered.ok ? 'it was not seen off' : ordered.because
  while (limit.leftMs() > 0 && !limit.signal.aborted) {
    const seen = await look()
    if (seen.power === 'off') return { ok: true }
    if (seen.power === 'on') {
      failedLooks = 0
      last = ordered.ok ? 'it is still on' : ordered.because
      // An order that was refused is not obeyed by waiting.
      if (!ordered.ok) return ordered
    } else if (seen.power === 'unknown') {
      failedLooks += 1
      last = seen.because
      if (failedLooks >= mostFailedLooks) return { ok: false, because: last }
    }
    await pause(world, Math.min(lookAgainMs, limit.leftMs()))
  }
  return { ok: false, because: `${last} when its time was over` }
}

export const pause = (world: World, ms: number): Promise<void> =>
  new Promise((resolve) => {
    world.clock.after(ms, resolve)
  })

/** The first words of what a command had to say when it failed. */
export const troubleOf = ({ code, signal, timedOut, stderr, stdout, elapsedMs }: RunResult, what: string): string => {
  if (timedOut) return `${what} did not answer in ${Math.round(elapsedMs)} ms`
  const said = (stderr.trim() || stdout.trim()).split('\n').at(-1)?.trim().slice(0, 200) ?? ''
  return `${what} ended with ${signal ?? `code ${code}`}${said === '' ? '' : `: ${said}`}`
}

/** A driver for whichever type of device it is. */
export type FenceDrivers = { readonly [Type in DeviceType]: FenceDriver<Type> }
