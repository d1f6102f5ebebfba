/** Checks a configuration before anything is done with it (P4): what it means, or everything that is wrong with it. */
import type { Configuration } from '../events/configuration.ts'
import { at, readConfiguration } from './configuration-issues.ts'
import { configurationRules } from './configuration-rules.ts'
import { type Path, type Problem, readSource } from './configuration-source.ts'
import { bytesOf, embedScripts, type ReadFile } from './embed-scripts.ts'

export type { Problem } from './configuration-source.ts'

export type Checked =
  | { readonly ok: true; readonly configuration: Configuration; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }

/** Bytes of the configuration and its source as JSON: one message on the log holds 256 KiB, envelope and all. */
export const largestConfiguration = 200 * 1024

/**
 * Reads a configuration file: YAML 1.2 or JSON. All problems at once, by position; `problems` are errors only. With
 * `files`, scripts may be named (`{file: scripts/start.sh}`) and are embedded. Never throws, whatever the text is.
 */
export const checkConfiguration = (text: string, files?: ReadFile): Checked => {
  const source = readSource(text)
  if (!source.readable) return refused(source.problems)
  const embedded = embedScripts(source.value, files, source)
  const { configuration, problems, broken } = readConfiguration(embedded.tree, source)
  const found = [...source.problems, ...embedded.problems, ...problems]
  if (configuration === null) return refused(found)
  const written = (path: Path) => at(source.value, path)
  const namesAt = (path: Path) => Object.keys(Object(written(path)))
  found.push(...configurationRules({ configuration, written, namesAt, broken, report: source.report }))
  const size = bytesOf(JSON.stringify({ configuration, source: text }))
  if (size > largestConfiguration) {
    const message = `the configuration has ${size} bytes with its scripts, at most ${largestConfiguration} are possible`
    found.push(source.report({ path: [], message, remedy: 'install long scripts on the servers, and name them here' }))
  }
  if (found.some(({ severity }) => severity === 'error')) return refused(found)
  return { ok: true, configuration, warnings: sorted(found) }
}

/**
 * One line for people and editors: `cluster.yaml:12:7 groups.web.failover: "autmatic" is not one of auto, dynamic,
 * manual; did you mean "auto"?`
 */
export const formatProblem = (problem: Problem, fileName: string): string => {
  const { line, column, path, message, remedy, severity } = problem
  const place = `${fileName}:${line}:${column}${severity === 'warning' ? ' warning:' : ''}${path === '' ? '' : ` ${path}`}`
  return `${place}${place.endsWith(':') ? '' : ':'} ${message}${remedy === '' ? '' : `; ${remedy}`}`
}

const refused = (found: readonly Problem[]): Checked => {
  const all = sorted(found)
  return {
    ok: false,
    problems: all.filter(({ severity }) => severity === 'error'),
    warnings: all.filter(({ severity }) => severity === 'warning'),
  }
}

/** By place; what several rules, or one for each server, say of one place in the same words is said once. */
const sorted = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(
    problems
      .toSorted((a, b) => a.line - b.line || a.column - b.column)
      .map((one) => [`${one.line}:${one.column} ${one.path} ${one.message}`, one]),
  ).values(),
]
