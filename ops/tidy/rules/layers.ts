import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { Node } from '@oxc-project/types'
import { type Finding, findingAt, layerOf, placesIn, type Rule } from '../source.ts'

const core = ['events', 'projections', 'decisions']

/** events ← projections ← decisions ← agents, mirror ← cli, web; world sees only events. */
const visible: Readonly<Record<string, readonly string[]>> = {
  events: [],
  projections: ['events'],
  decisions: ['events', 'projections'],
  world: ['events'],
  mirror: [...core, 'world'],
  agents: [...core, 'world', 'mirror'],
  web: [...core, 'world', 'mirror', 'agents'],
  sim: [...core, 'world', 'mirror', 'agents'],
  cli: [...core, 'world', 'mirror', 'agents', 'web', 'sim'],
}

/** The one adapter inside the core: it stands next to the contract it fulfils. */
const isLogAdapter = (path: string): boolean => /^src\/events\/jetstream-[^/]*\.ts$/.test(path)

/** Keeps imports one way, and the core free of effects. */
export const layers: Rule = (source) => {
  if (source.tree === null || !source.path.startsWith('src/')) return []
  const findings: Finding[] = []
  const layer = layerOf(source.path)
  if (layer === null || !Object.hasOwn(visible, layer)) {
    const instead = `one of the layers ${Object.keys(visible).join(', ')}`
    return [{ path: source.path, line: 1, what: 'a source outside of the layers', instead }]
  }
  for (const { node } of placesIn(source.tree)) {
    const specifier = importedBy(node)
    if (specifier === null) continue
    const complaint = specifier.startsWith('.')
      ? wrongWay(source.path, layer, specifier)
      : impure(source.path, layer, specifier)
    if (complaint) findings.push(findingAt(source, node, complaint.what, complaint.instead))
  }
  return findings
}

type Complaint = { readonly what: string; readonly instead: string }

const wrongWay = (path: string, layer: string, specifier: string): Complaint | null => {
  const target = posix.join(posix.dirname(path), specifier)
  const targetLayer = layerOf(target)
  if (targetLayer === null) return { what: `import of ${target}`, instead: 'sources import only from src' }
  if (targetLayer === layer || visible[layer]?.includes(targetLayer)) return null
  if (targetLayer === 'world' && isLogAdapter(path)) return null
  const seen = visible[layer]?.join(', ')
  return {
    what: `src/${layer} imports src/${targetLayer}`,
    instead: seen ? `it may see ${seen}` : 'it may see nothing else',
  }
}

const impure = (path: string, layer: string, specifier: string): Complaint | null => {
  if (!core.includes(layer) || isLogAdapter(path) || !isEffectful(specifier)) return null
  return {
    what: `src/${layer} imports ${specifier}`,
    instead: 'values that are passed in; effects live in src/agents and src/world',
  }
}

const isEffectful = (specifier: string): boolean =>
  isBuiltin(specifier) || /^(nats|pino|koffi|@nats-io\/.*)$/.test(specifier)

/** The module that an import, a re-export, a dynamic import or an import type names. */
const importedBy = (node: Node): string | null => {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return node.source?.type === 'Literal' && typeof node.source.value === 'string' ? node.source.value : null
    default:
      return null
  }
}
