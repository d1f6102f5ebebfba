/** What the schema has against a configuration, in words, at the place where it stands. */
import type { z } from 'zod'
import { type Configuration, writtenConfiguration } from '../events/configuration.ts'
import { keysAt } from './configuration-json-schema.ts'
import type { Path, Problem, Source } from './configuration-source.ts'
import { didYouMean, nearest } from './did-you-mean.ts'

type Issue = z.core.$ZodIssue
/** What could be made of a file: the whole of it, or what is left when everything wrong is taken out. */
export type Reading = {
  readonly problems: readonly Problem[]
  /** Null when too little is left. With problems, only good for finding more of them. */
  readonly configuration: Configuration | null
  /** Whether something at, above or below this path was taken out. */
  readonly broken: (path: Path) => boolean
}

/** How often what is wrong is taken out, before what is left is given up: a removal can make its parent wrong. */
const mostRounds = 8

/** Reads a tree of plain values as a configuration in its written form, scripts already embedded. */
export const readConfiguration = (tree: unknown, source: Pick<Source, 'report'>): Reading => {
  const first = writtenConfiguration.safeParse(tree)
  if (first.success) return { problems: [], configuration: first.data, broken: () => false }
  const problems = describe(first.error.issues, tree, source)
  const rest = structuredClone(tree)
  const removed: Path[] = []
  let attempt: typeof first | ReturnType<typeof writtenConfiguration.safeParse> = first
  for (let round = 0; round < mostRounds && !attempt.success; round += 1) {
    for (const path of attempt.error.issues.flatMap(pathsOf)) removed.push(remove(rest, path))
    // A cluster needs a name; no rule asks which.
    if (at(rest, ['cluster']) === undefined) Reflect.set(Object(rest), 'cluster', 'unnamed')
    attempt = writtenConfiguration.safeParse(rest)
  }
  const begins = (long: Path, short: Path) => short.every((step, index) => long[index] === step)
  const broken = (path: Path) => removed.some((gone) => begins(gone, path) || begins(path, gone))
  return { problems, configuration: attempt.success ? attempt.data : null, broken }
}

/** What stands at `path` of a tree; undefined when nothing does. */
export const at = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, step) ? Reflect.get(value, step) : undefined,
    tree,
  )

const pathOf = (issue: Issue): Path => issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
const pathsOf = (issue: Issue): readonly Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...pathOf(issue), key]) : [pathOf(issue)]

/** Removes what is at `path`, or the nearest thing around it that can be: of a list no item can, others would move up. */
const remove = (tree: unknown, path: Path): Path => {
  const key = path.at(-1)
  const parent = at(tree, path.slice(0, -1))
  if (key === undefined) return path
  if (typeof parent === 'object' && parent !== null && !Array.isArray(parent) && Object.hasOwn(parent, key)) {
    Reflect.deleteProperty(parent, key)
    return path
  }
  return remove(tree, path.slice(0, -1))
}

const describe = (issues: readonly Issue[], tree: unknown, { report }: Pick<Source, 'report'>): Problem[] => {
  const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? pathsOf(issue) : []))
  const unused = (path: Path) => keysAt(tree, path).filter((key) => at(tree, [...path, key]) === undefined)
  // A misspelt key is one problem, not two: the key that is then missing is not reported.
  const misspelt = unknown.map((path) => [
    ...path.slice(0, -1),
    nearest(String(path.at(-1)), unused(path.slice(0, -1))),
  ])
  const isMisspelt = (path: Path) => misspelt.some((other) => JSON.stringify(other) === JSON.stringify(path))
  return issues.flatMap((issue) => {
    const path = pathOf(issue)
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const remedy = didYouMean(key, unused(path))
        return report({ path: [...path, key], place: 'key', message: `"${key}" is not a key here`, remedy })
      })
    }
    if (issue.code === 'invalid_key') {
      const message = `${show(path.at(-1))} is not ${issue.issues[0]?.message ?? 'a name'}`
      return [report({ path, place: 'key', message })]
    }
    const value = at(tree, path)
    if (value === undefined && isMisspelt(path)) return []
    return [report({ path, ...wordsFor(issue, value, path) })]
  })
}

type Words = { readonly message: string; readonly remedy: string }

const wordsFor = (issue: Issue, value: unknown, path: Path): Words => {
  const choices = choicesOf(issue)
  if (value === undefined && path.length > 0) {
    return { message: 'is missing', remedy: choices.length > 0 ? `one of ${choices.join(', ')}` : 'add it' }
  }
  if (value === null) {
    return path.length === 0
      ? { message: 'the file is empty', remedy: 'a configuration has at least cluster: and servers:' }
      : { message: 'is empty', remedy: 'give it a value, or remove the key' }
  }
  if (choices.length > 0) {
    const remedy = typeof value === 'string' ? didYouMean(value, choices) : ''
    const list = choices.length > 1 ? `one of ${choices.join(', ')}` : choices.join('')
    return { message: `${show(value)} is not ${list}`, remedy: remedy.endsWith('?') ? remedy : '' }
  }
  if (issue.code === 'too_small' || issue.code === 'too_big') return sizeWords(issue, value)
  const expected = expectedBy(issue)
  return { message: `${show(value)} is not ${expected}`, remedy: typeRemedy(value, expected) }
}

const choicesOf = (issue: Issue): readonly string[] => {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  if (issue.code !== 'invalid_union' || !('options' in issue) || !Array.isArray(issue.options)) return []
  return issue.options.map(String)
}

const expectedBy = (issue: Issue): string => {
  const kinds: Record<string, string> = {
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a set of keys, each with its value',
    record: 'a set of names, each with its value',
  }
  if (!issue.message.startsWith('Invalid input')) return issue.message
  return issue.code === 'invalid_type' ? (kinds[issue.expected] ?? issue.expected) : 'what is expected here'
}

const typeRemedy = (value: unknown, expected: string): string => {
  if (expected === 'a text' && typeof value !== 'object') return `write it in quotes: "${String(value)}"`
  if (expected === 'a list' && typeof value !== 'object') return `write [${String(value)}]`
  if (expected === 'true or false' && typeof value === 'string') {
    if (/^(yes|on|y)$/i.test(value)) return 'did you mean true?'
    if (/^(no|off|n)$/i.test(value)) return 'did you mean false?'
  }
  if (expected.startsWith('a duration') && typeof value === 'number') return `write ${value}s, or ${value}ms`
  return ''
}

const sizeWords = (issue: Extract<Issue, { code: 'too_small' | 'too_big' }>, value: unknown): Words => {
  const limit = String(issue.code === 'too_small' ? issue.minimum : issue.maximum)
  const word = issue.code === 'too_small' ? 'least' : 'most'
  if (Array.isArray(value)) {
    return { message: `the list has ${value.length}, the ${word} is ${limit}`, remedy: '' }
  }
  if (typeof value === 'string') {
    return { message: value === '' ? 'the text is empty' : `the text has ${value.length} characters`, remedy: '' }
  }
  return { message: `${show(value)} is out of range, the ${word} is ${limit}`, remedy: '' }
}

const show = (value: unknown): string => {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a set of keys' : String(value)
}
