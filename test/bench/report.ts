/** Figures as a table for people. */
import { indent, type Row, row, table } from '../../src/cli/table.ts'
import type { Baseline } from './baseline.ts'
import { type Figure, isReached, medianOf, worstOf } from './figure.ts'

const heading = row('', 'trials', 'median', 'worst', 'time-out', 'target', '', 'peers (median/max)', 'to baseline')

export const reportOf = (figures: readonly Figure[], baseline: Baseline | null): readonly string[] => [
  ...table([heading, ...figures.map((figure) => rowOf(figure, baseline))]),
  ...figures.flatMap(({ name, note }) => (note === undefined ? [] : ['', `${name}:`, ...indent([note])])),
]

const rowOf = (figure: Figure, baseline: Baseline | null): Row => {
  const { name, unit, values, timeoutMs } = figure
  const median = medianOf(values)
  const reached = isReached(figure)
  const before = baseline?.medians[name]
  return row(
    name,
    String(values.length),
    `${rounded(median)} ${unit}`,
    rounded(worstOf(figure)),
    timeoutMs === undefined ? '' : `${timeoutMs} ms`,
    targetOf(figure),
    reached === null ? '' : reached ? 'reached' : 'MISSED',
    (figure.peers ?? []).map((peer) => `${peer.who} ${peer.median}/${peer.max}`).join(', '),
    before === undefined || before === 0 ? '' : `× ${(median / before).toFixed(2)}`,
  )
}

const targetOf = ({ target }: Figure): string => {
  if (target === undefined) return ''
  if ('atLeast' in target) return `≥ ${rounded(target.atLeast)}`
  return `≤ ${rounded(target.atMost)}${target.maxAtMost === undefined ? '' : `/${rounded(target.maxAtMost)}`}`
}

const rounded = (value: number): string =>
  Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toFixed(2)))
