import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tidy } from './tidy.ts'

/** What is made or fetched, not written. */
const notWritten = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache'])
const binary = /\.(png|jpg|gif|ico|woff2?|gz|deb|snap)$/

const root = join(import.meta.dirname, '..', '..')

const pathsBelow = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (notWritten.has(entry.name)) return []
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return pathsBelow(path)
    return entry.isFile() && !binary.test(path) ? [path] : []
  })

const files = new Map(
  pathsBelow('')
    .toSorted()
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
)
const findings = tidy(files)
for (const { path, line, what, instead } of findings) console.error(`${path}:${line}  ${what}; instead: ${instead}`)
if (findings.length > 0) {
  console.error(`tidy: ${findings.length} to mend`)
  process.exitCode = 1
}
