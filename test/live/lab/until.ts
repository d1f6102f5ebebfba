import { setTimeout as pause } from 'node:timers/promises'

/** Short against anything a test waits for, long against what asking costs. */
const pollMs = 15

/** Told by the kernel, not found by a look: those are farther apart, and a busy machine is not that slow. */
export const atOnceMs = 1500

/** Milliseconds of CLOCK_MONOTONIC: the one clock that the harness, the hosts and the watch share. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

/**
 * Asks until the answer is truthy, and returns it. Fails once the limit has passed, naming what was awaited and the
 * last answer or error; a condition that throws counts as "not yet".
 */
export const until = async <T>(
  condition: () => T | Promise<T>,
  timeoutMs: number,
  what: string,
): Promise<Exclude<T, false | 0 | '' | null | undefined>> => {
  const limit = now() + timeoutMs
  for (;;) {
    const answer = await ask(condition)
    if ('value' in answer && answer.value) return answer.value as Exclude<T, false | 0 | '' | null | undefined>
    if (now() >= limit) throw new WaitedTooLong(what, timeoutMs, answer)
    await pause(pollMs)
  }
}

type Answer<T> = { readonly value: T } | { readonly error: unknown }

const ask = async <T>(condition: () => T | Promise<T>): Promise<Answer<T>> => {
  try {
    return { value: await condition() }
  } catch (error) {
    return { error }
  }
}

export class WaitedTooLong extends Error {
  override readonly name = 'WaitedTooLong'

  constructor(what: string, timeoutMs: number, last: Answer<unknown>) {
    const was =
      'error' in last ? `the last try failed: ${String(last.error)}` : `the last answer was ${String(last.value)}`
    super(`waited ${timeoutMs} ms for ${what}; ${was}`, 'error' in last ? { cause: last.error } : {})
  }
}

/** The promise, or a failure that says what took too long. */
export const within = async <T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> => {
  const stop = new AbortController()
  const limit = pause(timeoutMs, undefined, { signal: stop.signal }).then(() => {
    throw new WaitedTooLong(what, timeoutMs, { value: 'none' })
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    stop.abort()
    limit.catch(() => undefined)
  }
}
