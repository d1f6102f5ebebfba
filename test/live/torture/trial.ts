/** One trial: some faults at once, then everything is healed and the cluster has to come back by itself. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Chance } from '../../properties/liveness/timeline.ts'
import { now } from '../lab/until.ts'
import { longestSilenceIn } from '../lab/watch-record.ts'
import { drawFault, isBeyond } from './faults.ts'
import type { Tortured } from './tortured.ts'

export type Trial = {
  readonly faults: readonly string[]
  /** The longest time without an answer to clients, in ms. */
  readonly silenceMs: number
  /** From the end of the last fault until the cluster was whole again, in ms. */
  readonly recoveredMs: number
  /** Numbers that the register acknowledged. */
  readonly acknowledged: readonly number[]
  /** Two instances that lived at once, in words. */
  readonly doubles: readonly string[]
}

/** An election takes up to 9 s, a stalled log server a restart, and the machine is shared. */
const recoverMs = 120_000
const healAgainMs = 20_000

type Moment = { readonly atMs: number; readonly run: () => Promise<void> }

/** `freezes`: its first fault is a machine that stands still, where that may be. */
export const runTrial = async (tortured: Tortured, chance: Chance, freezes: boolean): Promise<Trial> => {
  const { watch, register } = await tortured.observe()
  const faults: string[] = []
  try {
    await watch.waitFor(() => true, recoverMs)
    const moments: Moment[] = []
    const count = chance.oneOf([1, 1, 2, 2, 3])
    for (let index = 0; index < count; index++) {
      const fault = await drawFault(tortured, chance, { freezes: freezes && index === 0 })
      if (isBeyond([...faults, fault.what])) continue
      const from = chance.between(0, 2 * tortured.timeoutMs)
      const lasts = chance.between(fault.least ?? 0.2, 3.5) * tortured.timeoutMs
      faults.push(`${fault.what} from ${from.toFixed(0)} for ${lasts.toFixed(0)} ms`)
      moments.push({ atMs: from, run: fault.begin }, { atMs: from + lasts, run: fault.end })
    }
    await play(moments)
    const healedAt = now()
    await becomeWhole(tortured)
    const recoveredMs = now() - healedAt
    await watch.waitFor(() => true, recoverMs)
    return {
      faults,
      silenceMs: longestSilenceIn(watch.atFloating),
      recoveredMs,
      acknowledged: await stopped(register),
      doubles: watch.overlaps().map(({ first, second, from, until }) => {
        const both = `${first.host} (${first.instance}) and ${second.host} (${second.instance})`
        return `${both} for ${(until - from).toFixed(0)} ms`
      }),
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}, after: ${faults.join('; ')}`, {
      cause: error,
    })
  } finally {
    await watch.stop()
    await register.stop().catch(() => undefined)
  }
}

const stopped = async (register: { readonly stop: () => Promise<void>; readonly acknowledged: readonly number[] }) => {
  await register.stop()
  return register.acknowledged
}

/** A fence that was ordered before everything healed may switch a machine off after it: it is switched on again. */
const becomeWhole = async (tortured: Tortured): Promise<void> => {
  const deadline = now() + recoverMs
  for (;;) {
    await tortured.heal()
    const left = deadline - now()
    const settled = tortured.cluster.waitUntilSettled(Math.min(healAgainMs, left)).then(
      () => null,
      (error: unknown) => error,
    )
    const trouble = await settled
    if (trouble === null && tortured.isEverybodyOn()) return
    if (trouble !== null && now() >= deadline) throw trouble
  }
}

/** The times are part of what is tried: this is where a test may wait for time itself. */
const play = async (moments: readonly Moment[]): Promise<void> => {
  const began = now()
  for (const { atMs, run } of moments.toSorted((a, b) => a.atMs - b.atMs)) {
    await pause(Math.max(0, began + atMs - now()))
    await run()
  }
}
