/** A configuration as text: read into plain values, with the place of each of them kept for messages. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml'

/** One thing that is wrong, or doubtful, with a configuration, and where. */
export type Problem = {
  /** Both from 1; always inside the text. */
  readonly line: number
  readonly column: number
  /** `groups.web.servers[1]`; empty = the file as a whole. */
  readonly path: string
  /** What is wrong, with the value that is. No full stop. */
  readonly message: string
  /** What to do about it; empty when the message says it. */
  readonly remedy: string
  readonly severity: 'error' | 'warning'
}
export type Path = readonly (string | number)[]
export type Place = 'key' | 'value'
/** Makes problems of one text. `key` points at the key of a path, `value` at what stands after it. */
export type Report = (what: {
  readonly path: Path
  readonly place?: Place
  readonly message: string
  readonly remedy?: string
  readonly severity?: Problem['severity']
}) => Problem

/** A text, read. */
export type Source = {
  /** Plain objects without a prototype, arrays, strings, numbers, booleans and null. */
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** What was read of the text can be trusted to be what its author meant; else only `problems` count. */
  readonly readable: boolean
  readonly report: Report
}

/** Characters. The text is kept on the log beside what it means, and one message there is at most 256 KiB. */
export const longestSource = 262_144
/** Far more than a real configuration has; ends alias bombs and loops. */
const mostNodes = 20_000
const deepest = 40

/** `groups.web.servers[1]` */
export const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  )

type Offsets = { readonly key: number; readonly value: number }
type Reading = {
  readonly document: Document.Parsed
  readonly offsets: Map<string, Offsets>
  readonly fault: (offset: number, path: Path, message: string, remedy: string) => void
  /** The library searches the whole document for every alias. */
  readonly aliases: Map<unknown, unknown>
  nodes: number
}

/** Reads YAML 1.2, of which JSON is a part. Never throws: what cannot be read is a problem. */
export const readSource = (text: string): Source => {
  const problems: Problem[] = []
  const offsets = new Map<string, Offsets>()
  const positionAt = positionsOf(text)
  const report = reporterOf(offsets, positionAt)
  const fault = (offset: number, path: Path, message: string, remedy: string): void => {
    problems.push({ ...positionAt(offset), path: pathText(path), message, remedy, severity: 'error' })
  }
  const unreadable = { value: null, problems, readable: false, report }
  if (text.length > longestSource) {
    fault(0, [], `the file has ${text.length} characters, ${longestSource} are possible`, 'move scripts to files')
    return unreadable
  }
  const document = parse(text)
  if (document === null) {
    fault(0, [], 'the file is nested too deeply to be read', `${deepest} levels are possible`)
    return unreadable
  }
  for (const { pos, message } of [...document.errors, ...document.warnings]) fault(pos[0], [], sentence(message), '')
  if (document.directives?.yaml.version !== '1.2') {
    fault(0, [], 'the file asks for an old version of YAML, where 010 is 8 and on is true', 'remove the %YAML line')
  }
  const readable = problems.length === 0
  const value = readNode({ document, offsets, fault, aliases: new Map(), nodes: 0 }, document.contents, [])
  return { value, problems, readable, report }
}

const parse = (text: string): Document.Parsed | null => {
  try {
    // The library's search for equal keys takes the square of their number; `enter` does it instead.
    const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent', uniqueKeys: false })
    // It may catch that itself, and go on with hundreds of errors that follow from it.
    return document.errors.some(({ message }) => /stack overflow|call stack/i.test(message)) ? null : document
  } catch {
    // The library recurses into nested collections and has no limit of its own.
    return null
  }
}

const sentence = (message: string): string => (message.split('\n')[0] ?? '').replace(/[.:]\s*$/, '')

const positionsOf = (text: string) => {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset: number): { line: number; column: number } => {
    const inside = Math.max(0, Math.min(offset, text.length))
    let line = 0
    for (let end = starts.length; end - line > 1; ) {
      const middle = (line + end) >> 1
      if ((starts[middle] ?? 0) <= inside) line = middle
      else end = middle
    }
    return { line: line + 1, column: inside - (starts[line] ?? 0) + 1 }
  }
}

const reporterOf = (
  offsets: ReadonlyMap<string, Offsets>,
  positionAt: (offset: number) => { line: number; column: number },
): Report => {
  const offsetOf = (path: Path, place: Place): number => {
    const found = offsets.get(JSON.stringify(path))
    if (found) return found[place]
    // What is missing is reported where it would belong: at the key of its parent.
    return path.length === 0 ? 0 : offsetOf(path.slice(0, -1), 'key')
  }
  return ({ path, place = 'value', message, remedy = '', severity = 'error' }) => ({
    ...positionAt(offsetOf(path, place)),
    path: pathText(path),
    message,
    remedy,
    severity,
  })
}

const start = (node: unknown): number | null => {
  const range = node !== null && typeof node === 'object' && 'range' in node ? node.range : null
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : null
}

const resolved = ({ document, aliases }: Reading, node: unknown): unknown => {
  if (!isAlias(node)) return node
  if (!aliases.has(node)) aliases.set(node, node.resolve(document))
  return aliases.get(node)
}

const readNode = (reading: Reading, node: unknown, path: Path, keyOffset?: number): unknown => {
  const offset = start(node) ?? keyOffset ?? 0
  reading.offsets.set(JSON.stringify(path), { key: keyOffset ?? offset, value: offset })
  reading.nodes += 1
  if (reading.nodes === mostNodes || path.length > deepest) {
    reading.fault(offset, path, 'the file holds too much, or refers to itself', 'check its &anchors and *aliases')
  }
  if (reading.nodes >= mostNodes || path.length > deepest) return null
  const real = resolved(reading, node)
  if (isMap(real)) return objectOf(reading, real, path)
  if (isSeq(real)) return real.items.map((item, index) => readNode(reading, item, [...path, index]))
  return isScalar(real) ? scalarOf(reading, real, path) : null
}

const scalarOf = (reading: Reading, node: Scalar, path: Path): unknown => {
  const { value, source = '' } = node
  if (typeof value === 'number' && /^[-+]?0\d/.test(source)) {
    const meant = String(Number(source))
    const remedy = `write ${meant}, or "${source}" if a text is meant`
    reading.fault(start(node) ?? 0, path, `${source} begins with a zero, which some readers take for octal`, remedy)
  }
  return typeof value === 'bigint' ? Number(value) : value
}

const objectOf = (reading: Reading, map: YAMLMap, path: Path): Record<string, unknown> => {
  const object: Record<string, unknown> = Object.create(null)
  // `<<` brings in what the map itself does not say, so it comes last.
  for (const pair of map.items) if (keyOf(pair) !== '<<') enter(reading, pair, { object, path, merged: false })
  for (const pair of map.items) if (keyOf(pair) === '<<') merge(reading, object, pair, path)
  return object
}

const keyOf = ({ key }: Pair): string | null => {
  if (!isScalar(key) || key.value === null || typeof key.value === 'object') return null
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

type Target = { readonly object: Record<string, unknown>; readonly path: Path; readonly merged: boolean }

const enter = (reading: Reading, pair: Pair, { object, path, merged }: Target): void => {
  const key = keyOf(pair)
  const offset = start(pair.key) ?? start(pair.value) ?? 0
  if (key === null || key === '__proto__') {
    reading.fault(offset, path, 'this key is not a name', 'a key is a plain word followed by a colon')
    return
  }
  // Of two equal keys the first counts, and what `<<` brings in gives way.
  if (key in object) {
    const remedy = 'remove one of the two'
    if (!merged) reading.fault(offset, [...path, key], `the key ${key} stands here for the second time`, remedy)
    return
  }
  object[key] = readNode(reading, pair.value, [...path, key], offset)
}

const merge = (reading: Reading, object: Record<string, unknown>, pair: Pair, path: Path): void => {
  const value = resolved(reading, pair.value)
  for (const item of isSeq(value) ? value.items : [value]) {
    const from = resolved(reading, item)
    if (isMap(from)) for (const inner of from.items) enter(reading, inner, { object, path, merged: true })
    else reading.fault(start(pair.key) ?? 0, path, 'only what has keys can be merged by <<', 'name an &anchor of a map')
  }
}
