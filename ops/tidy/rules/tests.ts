import type { Node } from '@oxc-project/types'
import { type Finding, findingAt, placesIn, type Rule } from '../source.ts'

const makers = new Set(['test', 'it', 'describe', 'suite', 'bench'])
const left: ReadonlyMap<string, string> = new Map([
  ['skip', 'skipIf(…) with the reason in the name, or no such test'],
  ['only', 'no narrowing: name the file on the command line'],
])

/** A test that was switched off, or that switches others off, must not be left behind; one that lacks something may skip. */
export const tests: Rule = (source) => {
  if (source.tree === null || !source.path.startsWith('test/')) return []
  const findings: Finding[] = []
  for (const { node, around } of placesIn(source.tree)) {
    if (node.type !== 'MemberExpression' || node.property.type !== 'Identifier') continue
    const instead = left.get(node.property.name)
    const maker = firstName(node)
    if (instead === undefined || !makers.has(maker) || around.some(isCondition)) continue
    findings.push(findingAt(source, node, `${maker}.${node.property.name}`, instead))
  }
  return findings
}

const isCondition = ({ type }: Node): boolean => type === 'IfStatement' || type === 'ConditionalExpression'

const firstName = (node: Node): string => {
  let first = node
  while (first.type === 'MemberExpression') first = first.object
  return first.type === 'Identifier' ? first.name : ''
}
