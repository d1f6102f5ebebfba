/** What differs between two states of the cluster (X2). */
import type { State } from './state.ts'

/** `undefined` on one side: it is not there. */
export type StateChange = { readonly path: string; readonly before: unknown; readonly after: unknown }

/** Differ always, or tell nothing beside what is told otherwise. */
const passedOver = new Set(['position', 'at'])

/** Leaf by leaf, in the order of the state; lists are compared whole. */
export const diffStates = (before: State, after: State): readonly StateChange[] => {
  const changes: StateChange[] = []
  const compare = (a: unknown, b: unknown, path: string): void => {
    if (isTree(a) && isTree(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        if (path !== '' || !passedOver.has(key)) compare(own(a, key), own(b, key), path === '' ? key : `${path}.${key}`)
    } else if (JSON.stringify(a) !== JSON.stringify(b)) changes.push({ path, before: a, after: b })
  }
  compare(summary(before), summary(after), '')
  return changes
}

/** Operations by their id; of the configuration its version alone, `baton config diff` tells the rest. */
const summary = ({ configuration, operations, ...rest }: State) => ({
  ...rest,
  configuration: { version: configuration.version },
  operations: Object.fromEntries(operations.map(({ id, command, outcome }) => [id, `${command.do}: ${outcome}`])),
})

type Tree = Readonly<Record<string, unknown>>
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)
const own = (tree: Tree, key: string): unknown => (Object.hasOwn(tree, key) ? tree[key] : undefined)
