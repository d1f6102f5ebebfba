import { posix } from 'node:path'
import type { Node } from '@oxc-project/types'
import type { Finding, Rule, Source } from '../source.ts'

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config|d))*\.ts$/
const heaps = new Set(['utils.ts', 'util.ts', 'helpers.ts', 'common.ts', 'misc.ts', 'types.ts'])

/** The one file that gathers others. */
const theBarrel = 'src/events/index.ts'

/** A file is a concept and is called by its name. */
export const names: Rule = (source) => {
  const file = posix.basename(source.path)
  if (source.tree === null) return []
  const findings: Finding[] = []
  const complain = (what: string, instead: string): void => {
    findings.push({ path: source.path, line: 1, what, instead })
  }
  if (!kebabCase.test(file)) complain(`the file name ${file}`, 'kebab-case')
  if (heaps.has(file) && source.path.startsWith('src/'))
    complain(`a heap called ${file}`, 'a file per concept, with its name')
  if (source.path.startsWith('src/') && source.path !== theBarrel && isBarrel(source)) {
    complain('a barrel', `imports from the file itself (only ${theBarrel} gathers)`)
  }
  return findings
}

const isBarrel = ({ tree }: Source): boolean =>
  tree !== null &&
  tree.body.length > 0 &&
  tree.body.every((node) => node.type === 'ImportDeclaration' || isReexport(node))

const isReexport = (node: Node): boolean =>
  node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && node.source !== null)
