/** What an earlier run found, to hold the next one against. Ratios mean something on the same kind of machine only. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Figure, medianOf } from './figure.ts'
import type { Machine } from './machine.ts'

export type Baseline = {
  readonly machine: Machine
  /** By the figure's name. */
  readonly medians: Readonly<Record<string, number>>
}

const file = new URL('baseline.json', import.meta.url).pathname

export const readBaseline = (): Baseline | null =>
  existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline) : null

/** What this run did not measure stays as it was. */
export const saveBaseline = (machine: Machine, figures: readonly Figure[]): void => {
  const measured = figures.filter(({ values }) => values.length > 0)
  const news = Object.fromEntries(measured.map(({ name, values }) => [name, Number(medianOf(values).toFixed(3))]))
  const baseline: Baseline = { machine, medians: { ...readBaseline()?.medians, ...news } }
  writeFileSync(file, `${JSON.stringify(baseline, null, 2)}\n`)
}
