/**
 * Whether both sides are in step, and how this one leaves. Asynchronously the other side may lack what is acknowledged. As
 * long as the log calls both current it may be served next, so it is left behind on the log before this side is gone.
 */
import type { Clock } from '../../world/world.ts'
import type { MirrorCondition } from './authority.ts'
import type { Writes } from './writes.ts'

export type InStepPort = {
  readonly clock: Clock
  readonly mode: 'sync' | 'async'
  readonly writes: Pick<Writes, 'drain' | 'tidyUp' | 'inFlight'>
  readonly condition: () => MirrorCondition
  readonly isAttached: () => boolean
  /** Trouble with a disk ends the service. */
  readonly guard: (run: () => void) => void
  readonly breakNow: (because: string) => void
}

export class InStep {
  /** Nobody is served any more. */
  isLeaving = false
  readonly #port: InStepPort
  readonly #waiting = new Set<() => void>()

  constructor(port: InStepPort) {
    this.#port = port
  }

  /** Once the other side has everything durably that was written so far. Null, or why it will not. */
  readonly settled = (): Promise<string | null> =>
    new Promise((resolve) => {
      const { condition, writes, guard } = this.#port
      const lacks = (): string | null => {
        const { pair, because } = condition()
        return pair === 'paired' ? null : `the other side may lack something; the mirror is ${pair}: ${because}`
      }
      if (lacks() !== null) resolve(lacks())
      else guard(() => writes.drain(() => resolve(lacks())))
    })

  /**
   * Where both sides are in step, and say so in time, nothing is marked afterwards, so nothing has to be copied when they
   * meet again. Otherwise the marks say where to look. Null: this side may stop; or what the log has yet to hear, after
   * twice this time.
   */
  readonly leave = async (limitMs: number): Promise<string | null> => {
    const { writes, condition, isAttached, guard, breakNow } = this.#port
    this.isLeaving = true
    if (limitMs === 0) return null
    const lacks = await this.#within(limitMs, this.settled(), 'not in time')
    if (lacks === null && condition().pair === 'paired') guard(writes.tidyUp)
    if (!this.#isOwing) return null
    const recorded = new Promise<null>((resolve) => this.#waiting.add(() => resolve(null)))
    if (isAttached()) breakNow('this side leaves, and the other one may lack what was acknowledged')
    return this.#within(limitMs, recorded, 'the log has not recorded yet that the other side may lack something')
  }

  /** The condition is another one. */
  readonly changed = (): void => {
    if (this.#isOwing) return
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  /** The other side may lack something that was acknowledged, and the log does not know. */
  get #isOwing(): boolean {
    const { mode, writes, condition } = this.#port
    const { pair } = condition()
    if (mode === 'sync' || (pair !== 'paired' && pair !== 'holding')) return false
    return writes.inFlight.all().some(({ kind }) => kind !== 'flush')
  }

  readonly #within = <T>(limitMs: number, promise: Promise<T>, otherwise: string): Promise<T | string> => {
    const { promise: isLate, resolve } = Promise.withResolvers<string>()
    const cancel = this.#port.clock.after(limitMs, () => resolve(otherwise))
    return Promise.race([promise, isLate]).finally(cancel)
  }
}
