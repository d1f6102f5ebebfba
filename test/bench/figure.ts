/** What a benchmark found: one quantity, measured several times, and what it is held against. */

export type Unit = 'ms' | 'commits/s' | 'ratio' | 'MB' | 'MB/s' | '% CPU'

export type Peer = { readonly who: string; readonly median: number; readonly max: number }

export type Target =
  | { readonly atMost: number; readonly maxAtMost?: number }
  | { readonly atLeast: number; readonly maxAtMost?: never }

export type Figure = {
  /** Also its name in the baseline: stays the same from one run to the next. */
  readonly name: string
  readonly unit: Unit
  /** One per trial. */
  readonly values: readonly number[]
  /** The time-out of heartbeats it was measured with. */
  readonly timeoutMs?: number
  readonly target?: Target
  /** The same, measured on other products on a machine like those this project is built on. */
  readonly peers?: readonly Peer[]
  /** Anything that a reader should know of this run. */
  readonly note?: string
}

export const medianOf = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The worst of all trials: the largest, or the smallest of what should be large. */
export const worstOf = ({ values, target }: Pick<Figure, 'values' | 'target'>): number =>
  target && 'atLeast' in target ? Math.min(...values) : Math.max(...values)

/** Null when nothing was aimed at. */
export const isReached = (figure: Figure): boolean | null => {
  const { target, values } = figure
  if (target === undefined) return null
  if (values.length === 0) return false
  const median = medianOf(values)
  if ('atLeast' in target) return median >= target.atLeast
  return median <= target.atMost && (target.maxAtMost === undefined || worstOf(figure) <= target.maxAtMost)
}
