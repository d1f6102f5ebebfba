/** Small questions about a mirror that several decisions ask. */
import { type MirrorConfiguration, type ServerName, serverName } from '../events/index.ts'
import { type Mirror, mirrorOf } from '../projections/mirrors.ts'
import type { State } from '../projections/state.ts'
import { type Assigned, isOwned } from './decision.ts'

/** Names of groups have no dots. */
export const groupOfMirror = (name: string): string => name.slice(0, Math.max(0, name.indexOf('.')))

/** Null when no resource of type `md` has that name. */
export const mirrorConfigurationOf = (state: State, name: string): MirrorConfiguration | null => {
  const groups = state.configuration.current?.groups ?? {}
  const group = groupOfMirror(name)
  const resource = name.slice(group.length + 1)
  const resources = Object.hasOwn(groups, group) ? (groups[group]?.resources ?? {}) : {}
  const found = Object.hasOwn(resources, resource) ? resources[resource] : undefined
  return found?.type === 'md' ? found : null
}

export const configuredMirrors = (state: State): readonly string[] =>
  Object.entries(state.configuration.current?.groups ?? {}).flatMap(([group, { resources }]) =>
    Object.entries(resources).flatMap(([name, { type }]) => (type === 'md' ? [`${group}.${name}`] : [])),
  )

/** The two servers of a mirror, in the order of its group's list. */
export const pairOf = (state: State, name: string): readonly ServerName[] =>
  (state.configuration.current?.groups[groupOfMirror(name)]?.servers ?? []).map(serverName)

export const otherOf = (state: State, name: string, server: string): ServerName | null =>
  pairOf(state, name).find((one) => one !== server) ?? null

/** Who owns the group of a mirror; null = nobody. */
export const ownershipOf = (state: State, name: string): Assigned | null => {
  const groups = state.groups
  const group = groupOfMirror(name)
  const found = Object.hasOwn(groups, group) ? groups[group] : undefined
  return found && isOwned(found) ? found.ownership : null
}

/** The mirror as the log knows it, once it was constructed. */
export const constructedMirror = (state: State, name: string): Mirror | null => {
  const mirror = mirrorOf(state.mirrors, name)
  return mirror?.id == null ? null : mirror
}
