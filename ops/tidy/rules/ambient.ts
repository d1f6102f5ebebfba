import type { Node } from '@oxc-project/types'
import { type Finding, findingAt, layerOf, type Place, placesIn, type Rule } from '../source.ts'

/** Where the real clock, chance and process may be touched. */
const openLayers = new Set(['world', 'cli'])

const clock = 'clock.now() of the World that is passed in'
const timer = 'clock.after() of the World that is passed in'
const chance = 'the randomness of the World that is passed in'

/** A simulation replaces the World; whatever goes past it makes runs differ. */
const members: ReadonlyMap<string, string> = new Map([
  ['Date.now', clock],
  ['performance.now', clock],
  ['process.hrtime', clock],
  ['Math.random', chance],
  ['crypto.randomUUID', chance],
  ['process.env', 'a setting that is passed in (src/cli reads the environment)'],
])

const names: ReadonlyMap<string, string> = new Map([
  ['setTimeout', timer],
  ['setInterval', timer],
  ['setImmediate', timer],
  ['randomUUID', chance],
  ['console', 'the log that is passed in, or an event'],
])

/** Bans what reaches around the World. */
export const ambient: Rule = (source) => {
  const layer = layerOf(source.path)
  if (source.tree === null || layer === null || openLayers.has(layer)) return []
  const findings: Finding[] = []
  for (const place of placesIn(source.tree)) {
    const found = reachesAround(place)
    if (found) findings.push(findingAt(source, place.node, found.what, found.instead))
  }
  return findings
}

const reachesAround = ({ node, around }: Place): { readonly what: string; readonly instead: string } | null => {
  if (node.type === 'NewExpression' && node.callee.type === 'Identifier' && node.callee.name === 'Date') {
    return { what: 'new Date', instead: 'an Instant or a WallTime; src/cli and src/web format them' }
  }
  if (node.type === 'MemberExpression' && node.object.type === 'Identifier' && node.property.type === 'Identifier') {
    const what = `${node.object.name}.${node.property.name}`
    const instead = members.get(what)
    return instead === undefined ? null : { what, instead }
  }
  if (node.type === 'Identifier' && !isMemberName(node, around[0])) {
    const instead = names.get(node.name)
    return instead === undefined ? null : { what: node.name, instead }
  }
  return null
}

/** `world.setTimeout` is somebody's own; a bare `setTimeout` is the machine's. */
const isMemberName = (node: Node, parent: Node | undefined): boolean => {
  if (parent?.type === 'MemberExpression') return parent.property === node && !parent.computed
  return parent?.type === 'Property' && parent.key === node && !parent.computed
}
