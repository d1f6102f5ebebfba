import type { Node, TSAsExpression } from '@oxc-project/types'
import { type Finding, findingAt, lineOf, placesIn, type Rule, type Source, textOf } from '../source.ts'

/** Bans what silences the type checker. */
export const types: Rule = (source) => {
  if (source.tree === null) return []
  const findings: Finding[] = []
  for (const { node, around } of placesIn(source.tree)) {
    if (node.type === 'TSAnyKeyword')
      findings.push(findingAt(source, node, 'any', 'unknown, and a parser at the boundary'))
    if (node.type === 'TSAsExpression' && !mayCast(source, node, around[0])) {
      const instead = 'a brand constructor, a codec in src/events, or narrowing; else say why in a `// cast: …` comment'
      findings.push(findingAt(source, node, `as ${textOf(source, node.typeAnnotation)}`, instead))
    }
  }
  return findings
}

const mayCast = (source: Source, cast: TSAsExpression, parent: Node | undefined): boolean => {
  // Brand constructors and codecs live in src/events; tests make up what they like.
  if (!source.path.startsWith('src/') || source.path.startsWith('src/events/')) return true
  // `unknown` only forgets; a draft is immer's own view of the same value.
  const isHarmless = /^(const|unknown|Draft\b.*)$/s.test(textOf(source, cast.typeAnnotation))
  return isHarmless || isBrandConstructor(cast, parent) || saysWhy(source, cast)
}

/** `(name: string): Name => name as Name`: the function is the cast. */
const isBrandConstructor = (cast: Node, parent: Node | undefined): boolean =>
  parent?.type === 'ArrowFunctionExpression' && parent.body === cast

const saysWhy = (source: Source, cast: Node): boolean => {
  const line = lineOf(source, cast)
  return source.text
    .split('\n')
    .slice(Math.max(0, line - 2), line)
    .some((text) => /\/\/ cast: \S/.test(text))
}
