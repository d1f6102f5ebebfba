/** A configuration's file, checked; and the text of it that can travel: with its scripts inside. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { type Checked, checkConfiguration, formatProblem, type Problem } from '../decisions/check-configuration.ts'
import { readSource } from '../decisions/configuration-source.ts'
import { embedScripts } from '../decisions/embed-scripts.ts'
import type { Configuration } from '../events/configuration.ts'
import { CommandFailed, counted, exitCode } from './deps.ts'

export type CheckedFile = {
  readonly configuration: Configuration
  readonly warnings: readonly Problem[]
  /** As its author wrote it, the text of every script in the place of its file's name. */
  readonly source: string
}

export type FileCheck = { readonly ok: true; readonly file: CheckedFile } | Extract<Checked, { ok: false }>

/** @throws CommandFailed when it cannot be read. */
export const lookAtFile = async (path: string): Promise<FileCheck> => {
  const text = await readText(path)
  const files = (name: string): string | null => {
    try {
      return readFileSync(resolve(dirname(path), name), 'utf8')
    } catch {
      return null
    }
  }
  const checked = checkConfiguration(text, files)
  if (!checked.ok) return checked
  const { configuration, warnings } = checked
  return { ok: true, file: { configuration, warnings, source: embedded(text, files) } }
}

/** @throws CommandFailed with every problem found. */
export const checkFile = async (path: string): Promise<CheckedFile> => {
  const checked = await lookAtFile(path)
  if (checked.ok) return checked.file
  const all = [...checked.problems, ...checked.warnings].map((problem) => formatProblem(problem, path))
  throw new CommandFailed(exitCode.usage, [`${path}: ${counted(checked.problems.length, 'error')}`, ...all].join('\n'))
}

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailed(exitCode.usage, `${path} cannot be read: ${because}`, '', { cause })
  }
}

/** Comments and layout stay; the agent has no files to look names up in. */
const embedded = (text: string, files: (name: string) => string | null): string => {
  const source = readSource(text)
  const { tree } = embedScripts(source.value, files, source)
  const places = differences(source.value, tree, [])
  if (places.length === 0) return text
  const document = parseDocument(text)
  for (const { path, value } of places) document.setIn(path, value)
  return document.toString({ lineWidth: 0 })
}

type Place = { readonly path: readonly string[]; readonly value: unknown }

const differences = (before: unknown, after: unknown, path: readonly string[]): readonly Place[] => {
  if (typeof after === 'string') return before === after ? [] : [{ path, value: after }]
  if (typeof after !== 'object' || after === null || Array.isArray(after)) return []
  return Object.entries(after).flatMap(([key, value]) => {
    const written: unknown = typeof before === 'object' && before !== null ? Reflect.get(before, key) : undefined
    return differences(written, value, [...path, key])
  })
}
