/** Reads a scenario: YAML with a list of steps, each of them a sentence. All problems at once, with line and column. */
import { z } from 'zod'
import { type Path, type Problem, readSource, type Source } from '../../decisions/configuration-source.ts'
import { didYouMean } from '../../decisions/did-you-mean.ts'
import { type Command, parseDuration } from '../../events/index.ts'
import { type Action, actions } from './actions.ts'
import { type Expectation, expectations, promised } from './expectations.ts'
import { orders } from './orders.ts'
import { type Template, understand, type Vocabulary } from './sentences.ts'

/** What a step does, with the sentence that says so. */
export type Deed =
  | { readonly kind: 'do'; readonly text: string; readonly act: Action }
  | { readonly kind: 'order'; readonly text: string; readonly command: Command; readonly on: string | null }
  | { readonly kind: 'expect'; readonly text: string; readonly check: Expectation }

export type Step = {
  readonly line: number
  /** ms since the beginning, or since the step before. */
  readonly at: number | null
  readonly after: number
  readonly deeds: readonly Deed[]
}
export type Script = {
  readonly title: string
  readonly from: 'running' | 'boot'
  readonly steps: readonly Step[]
}

/** A scenario whose sentences are not read yet: that takes the names of a configuration. */
export type Draft = {
  /** As it is written: relative to the scenario's own file. */
  readonly config: string | null
  readonly seed: number
  readonly inWordsOf: (vocabulary: Vocabulary) => Answer<Script>
}
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const mostSteps = 1000
const sentences = z.union([z.string(), z.array(z.string()).min(1)], { error: 'a sentence, or a list of sentences' })
const duration = z
  .string({ error: 'a duration such as 500ms, 10s or 2m' })
  .refine((text) => parseDuration(text) !== null, 'a duration such as 500ms, 10s or 2m')
const stepKeys = ['at', 'after', 'do', 'order', 'on', 'expect'] as const
const step = z.preprocess(
  (value) => (typeof value === 'string' ? { do: value } : value),
  z.strictObject(
    {
      at: duration.optional(),
      after: duration.optional(),
      do: sentences.optional(),
      order: sentences.optional(),
      on: z.string().optional(),
      expect: sentences.optional(),
    },
    { error: ({ code }) => (code === 'invalid_type' ? 'a sentence, or keys such as do: and expect:' : undefined) },
  ),
)
const fileKeys = ['title', 'config', 'seed', 'from', 'steps'] as const
const file = z.strictObject(
  {
    title: z.string({ error: 'a text' }).default(''),
    config: z.string({ error: 'the name of a configuration file' }).optional(),
    seed: z.number({ error: 'a number' }).int().min(0).default(1),
    from: z.enum(['running', 'boot'], { error: 'running or boot' }).default('running'),
    steps: z.array(step, { error: 'a list of steps' }).min(1).max(mostSteps),
  },
  { error: ({ code }) => (code === 'invalid_type' ? 'a set of keys: title, config, seed, from, steps' : undefined) },
)
type Written = z.infer<typeof file>
type WrittenStep = Written['steps'][number]

/** Never throws, whatever the text is. */
export const readScenario = (text: string): Answer<Draft> => {
  const source = readSource(text)
  if (!source.readable || source.problems.length > 0) return { ok: false, problems: source.problems }
  const read = file.safeParse(source.value)
  if (!read.success) return { ok: false, problems: problemsOf(read.error.issues, source) }
  const { config, seed } = read.data
  const inWordsOf = (vocabulary: Vocabulary) => scriptOf(read.data, source, vocabulary)
  return { ok: true, value: { config: config ?? null, seed, inWordsOf } }
}

const problemsOf = (issues: readonly z.core.$ZodIssue[], { report }: Source): readonly Problem[] =>
  issues.flatMap((issue) => {
    const path = issue.path.map((one) => (typeof one === 'symbol' ? String(one) : one))
    if (issue.code !== 'unrecognized_keys') return [report({ path, message: `expected is ${issue.message}` })]
    const known = path.length === 0 ? fileKeys : stepKeys
    return issue.keys.map((key) => {
      const remedy = didYouMean(key, known)
      return report({ path: [...path, key], place: 'key', message: `"${key}" is not a key here`, remedy })
    })
  })

const scriptOf = (written: Written, source: Source, vocabulary: Vocabulary): Answer<Script> => {
  const problems: Problem[] = []
  const steps = written.steps.map((one, index): Step => {
    const path = ['steps', index]
    const read = { problems, source, vocabulary, path }
    if (one.at !== undefined && one.after !== undefined)
      problems.push(
        source.report({ path: [...path, 'after'], place: 'key', message: 'at and after exclude each other' }),
      )
    const deeds = deedsOf(one, read)
    const hasDeeds = one.do !== undefined || one.order !== undefined || one.expect !== undefined
    if (!hasDeeds && one.at === undefined && one.after === undefined)
      problems.push(source.report({ path, message: 'the step does nothing', remedy: 'add do:, order: or expect:' }))
    const { line } = source.report({ path, message: '' })
    const at = one.at === undefined ? null : (parseDuration(one.at) ?? 0)
    return { line, at, after: one.after === undefined ? 0 : (parseDuration(one.after) ?? 0), deeds }
  })
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, value: { title: written.title, from: written.from, steps } }
}

type Reading = {
  readonly problems: Problem[]
  readonly source: Source
  readonly vocabulary: Vocabulary
  readonly path: Path
}

/** First what is done, then what is ordered, then what is expected of it. */
const deedsOf = (one: WrittenStep, reading: Reading): readonly Deed[] => {
  const { problems, source, vocabulary, path } = reading
  const on = one.on ?? null
  if (on !== null && !vocabulary.server.includes(on)) {
    const remedy = didYouMean(on, vocabulary.server)
    problems.push(
      source.report({ path: [...path, 'on'], message: `"${on}" is no server of the configuration`, remedy }),
    )
  }
  return [
    ...meant(one.do, actions, { ...reading, key: 'do' }).map(
      ({ text, meaning }): Deed => ({ kind: 'do', text, act: meaning }),
    ),
    ...meant(one.order, orders, { ...reading, key: 'order' }).map(
      ({ text, meaning }): Deed => ({ kind: 'order', text, command: meaning, on }),
    ),
    ...meant(one.expect, [...expectations, promised], { ...reading, key: 'expect' }).map(
      ({ text, meaning }): Deed => ({ kind: 'expect', text, check: meaning }),
    ),
  ]
}

const meant = <Meaning>(
  written: string | readonly string[] | undefined,
  templates: readonly Template<Meaning>[],
  { problems, source, vocabulary, path, key }: Reading & { readonly key: string },
): readonly { readonly text: string; readonly meaning: Meaning }[] => {
  if (written === undefined) return []
  const all = typeof written === 'string' ? [written] : written
  return all.flatMap((text, index) => {
    const understood = understand(text, templates, vocabulary)
    if (understood.ok) return [{ text, meaning: understood.meaning }]
    const at = typeof written === 'string' ? [...path, key] : [...path, key, index]
    problems.push(source.report({ path: at, message: understood.message, remedy: understood.remedy }))
    return []
  })
}
