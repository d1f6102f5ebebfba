import type { Finding } from '../source.ts'

const heading = /^## \[?(?:Unreleased|v?\d+\.\d+\.\d+)/m

/** What users are told has a place to be told in. */
export const changelog = (files: ReadonlyMap<string, string>): readonly Finding[] => {
  const text = files.get('CHANGELOG.md')
  if (text !== undefined && heading.test(text)) return []
  const what = text === undefined ? 'no CHANGELOG.md' : 'a changelog without a version'
  return [{ path: 'CHANGELOG.md', line: 1, what, instead: 'a heading "## Unreleased" or "## 1.2.3" with what changed' }]
}
