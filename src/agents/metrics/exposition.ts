/** Metrics in Prometheus' text format 0.0.4. */
import type { Measured, Metric, Seen } from './metric.ts'

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** A metric of which there is nothing to tell is left out. */
export const exposition = (metrics: readonly Metric[], seen: Seen): string =>
  metrics.map((metric) => familyText(metric, metric.read(seen))).join('')

const familyText = ({ name, type, help, labels }: Metric, measured: readonly Measured[]): string => {
  const lines = measured.flatMap(([values, value]) =>
    value === null ? [] : [`${name}${labelText(labels, values)} ${numberText(Number(value))}\n`],
  )
  return lines.length === 0 ? '' : `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

const labelText = (labels: readonly string[], values: readonly string[]): string =>
  labels.length === 0
    ? ''
    : `{${labels.map((label, index) => `${label}="${escaped(values[index] ?? '').replaceAll('"', '\\"')}"`).join(',')}}`

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

const numberText = (value: number): string => {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
