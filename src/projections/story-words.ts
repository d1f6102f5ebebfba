/** The inputs of a decision in words: a line a server that was looked at, a line a value. */
import type { Event, Verdict } from '../events/index.ts'

/** Longer values are cut: the whole of them is in `baton log show --json`. */
const longestValue = 200

/** Said already: by the sentence of the event, or by its verdicts. */
const saidByEvents = new Set(['verdicts', 'supports', 'next', 'because'])

export const becauseInWords = (
  events: readonly Event[],
  because: Readonly<Record<string, unknown>>,
): readonly string[] => [
  ...events.flatMap((event) => verdictsOf(event).map(verdictInWords)),
  ...Object.entries(because)
    .filter(([key]) => !saidByEvents.has(key))
    .map(([key, value]) => `${key}: ${valueInWords(value)}`),
]

const verdictsOf = (event: Event): readonly Verdict[] => {
  switch (event.type) {
    case 'GroupAssigned':
    case 'GroupWaiting':
    case 'FailoverSuppressed':
      return event.data.verdicts
    case 'GroupStopping':
      return event.data.next?.verdicts ?? []
    default:
      return []
  }
}

/** `s1 unfit: it is down`. */
export const verdictInWords = ({ server, fit, because }: Verdict): string =>
  because === '' ? `${server} ${fit}` : `${server} ${fit}: ${because}`

const valueInWords = (value: unknown): string => {
  const text = wordsOf(value)
  return text.length <= longestValue ? text : `${text.slice(0, longestValue)}…`
}

const wordsOf = (value: unknown): string => {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(wordsOf).join(', ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${wordsOf(inner)}`)
    .join(' ')
}
