/** Puts the text of script files in place of their names: a configuration travels whole, or not at all. */
import { at } from './configuration-issues.ts'
import type { Path, Problem, Source } from './configuration-source.ts'

/** Bytes. */
export const longestScript = 65_536
/** The text of a file that is named relative to the configuration; null when it cannot be read. */
export type ReadFile = (path: string) => string | null

/** UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** The same tree with every `{file: path}` that stands for a script replaced by the text; `tree` is left alone. */
export const embedScripts = (
  tree: unknown,
  files: ReadFile | undefined,
  { report }: Pick<Source, 'report'>,
): { readonly tree: unknown; readonly problems: readonly Problem[] } => {
  const copy = structuredClone(tree)
  const problems = scriptPaths(copy).flatMap((path) => {
    const file = at(copy, [...path, 'file'])
    const key = path.at(-1)
    const parent = at(copy, path.slice(0, -1))
    if (typeof file !== 'string' || file === '' || key === undefined || typeof parent !== 'object' || !parent) return []
    if (Object.keys(Object(at(copy, path))).length !== 1) return []
    const read = scriptOf(file, files)
    Reflect.set(parent, key, read.text)
    return read.message === '' ? [] : [report({ path: [...path, 'file'], message: read.message, remedy: read.remedy })]
  })
  return { tree: copy, problems }
}

const scriptOf = (file: string, files: ReadFile | undefined) => {
  // Whatever is wrong, a text takes its place, so that nothing else is reported for it.
  const fault = (message: string, remedy: string) => ({ text: '#!/bin/false', message, remedy })
  if (!files) return fault(`${JSON.stringify(file)} cannot be read from here`, 'write the text of the script instead')
  const text = readOrNull(files, file)
  if (text === null) return fault(`there is no file ${JSON.stringify(file)}`, 'its name counts from this file')
  const bytes = bytesOf(text)
  if (text === '') return fault(`${JSON.stringify(file)} is empty`, '')
  if (bytes <= longestScript) return { text, message: '', remedy: '' }
  return fault(
    `${JSON.stringify(file)} has ${bytes} bytes, at most ${longestScript} are possible`,
    'install it on the servers',
  )
}

const readOrNull = (files: ReadFile, file: string): string | null => {
  try {
    return files(file)
  } catch {
    return null
  }
}

/** Where the schema has scripts. */
const scriptPaths = (tree: unknown): readonly Path[] => {
  const under = (path: Path): readonly Path[] => Object.keys(Object(at(tree, path))).map((key) => [...path, key])
  const resources = under(['groups']).flatMap((group) => under([...group, 'resources']))
  return [
    ...resources.flatMap((path) => [
      [...path, 'start'],
      [...path, 'stop'],
    ]),
    ...under(['monitors']).flatMap((path) => [
      [...path, 'script'],
      [...path, 'recovery', 'script'],
    ]),
  ]
}
