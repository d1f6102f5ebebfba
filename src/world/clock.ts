import { instant, wallTime } from '../events/ids.ts'
import { readClock } from './libc.ts'
import type { Cancel, Clock } from './world.ts'

// clock_gettime(2).
const monotonicRaw = 4
const bootTime = 7
// setTimeout fires at once for anything longer than 2^31 - 1 ms, so longer waits are made of parts.
const longestPartMs = 2 ** 30

// hrtime reads CLOCK_MONOTONIC itself, unlike performance.now, so that all processes of the machine agree.
const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

const after = (delayMs: number, run: () => void): Cancel => {
  const due = monotonicMs() + delayMs
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    const leftMs = Math.ceil(Math.max(0, due - monotonicMs()))
    timer = setTimeout(fire, Math.min(leftMs, longestPartMs)).unref()
  }
  const fire = (): void => {
    // The event loop counts whole milliseconds and may be early by one of them.
    if (monotonicMs() < due) arm()
    else run()
  }
  arm()
  return () => clearTimeout(timer)
}

/** The kernel's clocks and the event loop's timers. */
export const realClock: Clock = {
  now: () => instant(monotonicMs()),
  sinceBoot: () => instant(readClock(bootTime)),
  raw: () => readClock(monotonicRaw),
  wall: () => wallTime(Date.now()),
  after,
}
