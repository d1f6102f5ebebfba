/** Sentences of scenarios: fixed words with names and times between them, and what is wrong with one that is none. */
import { didYouMean, nearest } from '../../decisions/did-you-mean.ts'
import { type Configuration, networksOf, parseDuration } from '../../events/index.ts'

/** What the words in angle brackets may stand for. */
export type Vocabulary = {
  readonly host: readonly string[]
  readonly server: readonly string[]
  readonly network: readonly string[]
  readonly group: readonly string[]
  readonly resource: readonly string[]
  readonly target: readonly string[]
  readonly program: readonly string[]
  /** Mirror disks, as the log calls them: `group.resource`. */
  readonly disk: readonly string[]
}

const programs = ['agent', 'guardian', 'log-server']

export const vocabularyOf = (configuration: Configuration): Vocabulary => {
  const { servers, witness, groups, heartbeat, npResolution } = configuration
  const names = servers.map(({ name }) => name)
  const { ping, http } = npResolution
  const disk = Object.entries(groups).flatMap(([group, { resources }]) =>
    Object.entries(resources).flatMap(([name, { type }]) => (type === 'md' ? [`${group}.${name}`] : [])),
  )
  return {
    server: names,
    host: witness ? [...names, witness.name] : names,
    network: networksOf(configuration),
    group: Object.keys(groups),
    resource: [...new Set(Object.values(groups).flatMap(({ resources }) => Object.keys(resources)))],
    target: [
      ...(ping?.targets ?? []),
      ...(ping?.groups ?? []).flat(),
      ...(http?.urls ?? []).map((url) => new URL(url).host),
      ...(heartbeat.witness ? [new URL(heartbeat.witness.url).host] : []),
      ...servers.flatMap(({ bmc }) => (bmc ? [bmc.address] : [])),
    ],
    program: [...programs, ...(disk.length > 0 ? ['mirror'] : [])],
    disk,
  }
}

export type Values = {
  /** @throws RangeError when its template has no such word: a mistake of ours */
  readonly name: (word: string) => string
  readonly ms: (word: string) => number
  readonly part: (word: string) => number
}

/** `text`: `cut <network> from <host> to <other>`. */
export type Template<Meaning> = { readonly text: string; readonly means: (values: Values) => Meaning }

export type Understood<Meaning> =
  | { readonly ok: true; readonly meaning: Meaning }
  | { readonly ok: false; readonly message: string; readonly remedy: string }

/** What a word must be, in other words. */
const kinds: Readonly<Record<string, string>> = { host: 'server or witness', disk: 'mirror disk' }

/** Words in angle brackets that stand for the same as another. */
const aliases: Readonly<Record<string, keyof Vocabulary>> = { other: 'host' }
const shownTemplates = 6

export const understand = <Meaning>(
  sentence: string,
  templates: readonly Template<Meaning>[],
  vocabulary: Vocabulary,
): Understood<Meaning> => {
  const words = sentence.trim().split(/\s+/)
  const fitting = templates.filter(({ text }) => fits(text.split(' '), words))
  const problems: { readonly message: string; readonly remedy: string }[] = []
  for (const { text, means } of fitting) {
    const read = valuesOf(text.split(' '), words, vocabulary)
    if ('values' in read) return { ok: true, meaning: means(read.values) }
    problems.push(read)
  }
  const [problem] = problems
  if (problem) return { ok: false, ...problem }
  return { ok: false, message: `"${sentence}" is not understood`, remedy: nearestTemplates(words, templates) }
}

const isSlot = (word: string): boolean => word.startsWith('<')
const slotName = (word: string): string => word.slice(1, -1)

const fits = (template: readonly string[], words: readonly string[]): boolean =>
  template.length === words.length && template.every((word, at) => isSlot(word) || word === words[at])

type Read = { readonly values: Values } | { readonly message: string; readonly remedy: string }

const valuesOf = (template: readonly string[], words: readonly string[], vocabulary: Vocabulary): Read => {
  const found = new Map<string, string | number>()
  for (const [at, word] of template.entries()) {
    if (!isSlot(word)) continue
    const slot = slotName(word)
    const value = readWord(slot, words[at] ?? '', vocabulary)
    if (typeof value === 'object') return value
    found.set(slot, value)
  }
  const known = (slot: string): string | number => {
    const value = found.get(slot)
    if (value === undefined) throw new RangeError(`there is no <${slot}> in ${template.join(' ')}`)
    return value
  }
  const number = (slot: string) => Number(known(slot))
  return { values: { name: (slot) => String(known(slot)), ms: number, part: number } }
}

const readWord = (
  slot: string,
  word: string,
  vocabulary: Vocabulary,
): string | number | { readonly message: string; readonly remedy: string } => {
  if (slot === 'duration')
    return parseDuration(word) ?? { message: `"${word}" is not a duration`, remedy: 'write 500ms, 10s or 2m' }
  if (slot === 'percent') {
    const percent = /^(\d+(\.\d+)?)%$/.exec(word)?.[1]
    if (percent === undefined || Number(percent) > 100)
      return { message: `"${word}" is not a percentage`, remedy: 'write 30%' }
    return Number(percent) / 100
  }
  const kind = aliases[slot] ?? slot
  // cast: templates have no other words in brackets; a spec reads every one of them.
  const names = vocabulary[kind as keyof Vocabulary]
  if (names.includes(word)) return word
  const what = kinds[kind] ?? kind
  return { message: `"${word}" is no ${what} of the configuration`, remedy: didYouMean(word, names) }
}

/** Those that begin alike, or all first words. */
const nearestTemplates = (words: readonly string[], templates: readonly Template<unknown>[]): string => {
  const [first = ''] = words
  const firsts = [...new Set(templates.map(({ text }) => text.split(' ')[0] ?? ''))]
  const meant = firsts.includes(first) ? first : nearest(first, firsts)
  const alike = templates.filter(({ text }) => text.split(' ')[0] === meant).map(({ text }) => text)
  if (alike.length > 0) return `possible: ${alike.slice(0, shownTemplates).join('; ')}`
  const open = templates.filter(({ text }) => isSlot(text)).map(({ text }) => text)
  if (open.length > 0) return `possible: ${open.slice(0, shownTemplates).join('; ')}`
  return `a sentence begins with ${firsts.join(', ')}`
}
