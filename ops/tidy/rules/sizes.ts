import type { Node } from '@oxc-project/types'
import { type Finding, findingAt, placesIn, type Rule, textOf } from '../source.ts'

/** What one reads in a sitting. */
export const maxFileLines = 400
/** What one sees on a screen. */
export const maxFunctionLines = 70

export const sizes: Rule = (source) => {
  if (source.tree === null) return []
  const findings: Finding[] = []
  const lines = source.text.trimEnd().split('\n').length
  if (lines > maxFileLines) {
    findings.push({
      path: source.path,
      line: maxFileLines + 1,
      what: `a file of ${lines} lines`,
      instead: `at most ${maxFileLines}: one concept per file`,
    })
  }
  for (const { node, around } of placesIn(source.tree)) {
    if (!isFunction(node) || isGroupOfTests(around[0])) continue
    const length = textOf(source, node).split('\n').length
    if (length > maxFunctionLines) {
      findings.push(
        findingAt(source, node, `a function of ${length} lines`, `at most ${maxFunctionLines}: name its parts`),
      )
    }
  }
  return findings
}

const isFunction = (node: Node): boolean =>
  node.type === 'ArrowFunctionExpression' || node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression'

/** A `describe` is a chapter, not a function. */
const isGroupOfTests = (parent: Node | undefined): boolean => {
  let callee = parent
  while (callee?.type === 'CallExpression' || callee?.type === 'MemberExpression') {
    callee = callee.type === 'CallExpression' ? callee.callee : callee.object
  }
  return parent?.type === 'CallExpression' && callee?.type === 'Identifier' && callee.name === 'describe'
}
