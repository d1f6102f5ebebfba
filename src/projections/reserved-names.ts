/**
 * Names that every object answers to. State is kept by name, so an event about a group called `constructor` would find
 * a function, and one called `__proto__` would change every object of the program, on every server that reads it.
 */
import type { Event } from '../events/index.ts'

const reserved: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/** The fields whose values are keys of the state. */
const nameFields = [
  'server',
  'peer',
  'voter',
  'group',
  'resource',
  'monitor',
  'device',
  'mirror',
  'source',
  'target',
  'current',
  'stale',
  'network',
] as const

/** The first name of an event that nothing can be called; null when all are fit. */
export const reservedNameIn = (event: Event): string | null => {
  if (event.type === 'ConfigurationApplied') return reservedNameInConfiguration(event.data.configuration)
  const data: Readonly<Record<string, unknown>> = event.data
  for (const field of nameFields) {
    const name = data[field]
    if (typeof name === 'string' && reserved.has(name)) return name
  }
  return null
}

type Named = {
  readonly servers: readonly { readonly name: string }[]
  readonly groups: Readonly<Record<string, { readonly resources: Readonly<Record<string, unknown>> }>>
  readonly monitors: Readonly<Record<string, unknown>>
}

const reservedNameInConfiguration = ({ servers, groups, monitors }: Named): string | null =>
  [
    ...servers.map(({ name }) => name),
    ...Object.keys(groups),
    ...Object.values(groups).flatMap(({ resources }) => Object.keys(resources)),
    ...Object.keys(monitors),
  ].find((name) => reserved.has(name)) ?? null
