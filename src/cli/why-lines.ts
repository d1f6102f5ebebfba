/** The text of `baton why`. */
import { elapsedInWords, mostSteps, type Step, type StepKind, type Story } from '../projections/story.ts'
import { type Colours, counted, type Paint } from './deps.ts'
import { formatTime, type Zone } from './times.ts'

export type WhyLook = { readonly colours: Colours; readonly zone: Zone }

export const storyLines = (story: Story, look: WhyLook): readonly string[] => {
  const { bold, dim } = look.colours
  return [
    `${bold(story.headline)}, since ${formatTime(story.since, look.zone)}`,
    '',
    ...(story.steps.length === 0
      ? ['Nothing has moved it yet.']
      : [...mainLines(story, look), '', dim(elapsedInWords(story))]),
    ...laterLines(story, look),
  ]
}

const mainLines = ({ steps, omittedSteps }: Story, look: WhyLook): readonly string[] => {
  if (omittedSteps === 0) return stepLines(steps, look)
  const rootAt = steps[0]?.at
  const [first, last] = [steps.slice(0, mostSteps / 2), steps.slice(mostSteps / 2)]
  const gap = `… ${counted(omittedSteps, 'step')} left out: baton log show`
  return [...stepLines(first, look), gap, ...stepLines(last, look, rootAt)]
}

const laterLines = ({ steps, later, omitted }: Story, look: WhyLook): readonly string[] => {
  if (later.length === 0) return []
  const more = omitted === 0 ? '' : ` (${counted(omitted, 'earlier step')} left out: baton log show)`
  return [
    '',
    look.colours.bold(`${steps.length === 0 ? 'What was asked and seen' : 'Since then'}${more}:`),
    '',
    ...stepLines(later, look),
  ]
}

/** The first with its full time, each later one by how much later it was. */
const stepLines = (steps: readonly Step[], look: WhyLook, since?: number): readonly string[] => {
  const { dim } = look.colours
  const rootAt = since ?? steps[0]?.at ?? 0
  const widest = Math.max(...steps.map(({ by }) => who(by).length))
  const numbers = Math.max(...steps.map(({ sequence }) => String(sequence).length))
  const timeWidth = formatTime(rootAt, look.zone).length
  return steps.flatMap((step, place) => {
    const time = place === 0 && since === undefined ? formatTime(step.at, look.zone) : later(step.at - rootAt)
    const margin = `${time.padStart(timeWidth)}  ${`#${step.sequence}`.padEnd(numbers + 1)}  ${who(step.by).padEnd(widest)}  `
    const [first = '', ...others] = step.what.map(paintOf(step.kind, look.colours))
    const blank = ' '.repeat(margin.length)
    return [
      dim(margin) + first,
      ...others.map((sentence) => blank + sentence),
      ...step.because.map((line) => `${blank}  ${dim(line)}`),
    ]
  })
}

/** `+0.743 s`, `+1:40.043`, `+1:02:03.004`: to the millisecond, however long it took. */
const later = (ms: number): string => {
  const hours = Math.floor(Math.abs(ms) / 3_600_000)
  const minutes = Math.floor(Math.abs(ms) / 60_000) % 60
  const seconds = (Math.abs(ms) % 60_000) / 1000
  const sign = ms < 0 ? '-' : '+'
  if (hours === 0 && minutes === 0) return `${sign}${seconds.toFixed(3)} s`
  const rest = seconds.toFixed(3).padStart(6, '0')
  return hours === 0 ? `${sign}${minutes}:${rest}` : `${sign}${hours}:${String(minutes).padStart(2, '0')}:${rest}`
}

/** Servers by their name; people as people. */
const who = (by: string): string => by.replace(/^server:/, '').replace(/^operator:(.*)$/, '$1 (operator)')

const paintOf = (kind: StepKind, { bold, red, green, yellow, cyan }: Colours): Paint => {
  const paints: Readonly<Record<StepKind, Paint>> = {
    cause: bold,
    decision: cyan,
    progress: (text) => text,
    trouble: red,
    'non-action': yellow,
    outcome: green,
  }
  return paints[kind]
}
