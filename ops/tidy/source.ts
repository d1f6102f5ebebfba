import type { Node, Program } from '@oxc-project/types'
import { parseSync } from 'rolldown/utils'

/** One file of the project as the rules see it; `tree` is null for what is not TypeScript. */
export type Source = { readonly path: string; readonly text: string; readonly tree: Program | null }

/** What is wrong where, and what to write in its place. */
export type Finding = { readonly path: string; readonly line: number; readonly what: string; readonly instead: string }

export type Rule = (source: Source) => readonly Finding[]

/** A syntax error is the compiler's to report: the rules see what could be read. */
export const parse = (path: string, text: string): Source => ({
  path,
  text,
  tree: path.endsWith('.ts') ? parseSync(path, text, { lang: 'ts' }).program : null,
})

/** A node and what it stands in, the innermost first. */
export type Place = { readonly node: Node; readonly around: readonly Node[] }

/** Every node, parents before children. */
export function* placesIn(node: Node, around: readonly Node[] = []): Generator<Place> {
  yield { node, around }
  const inner = [node, ...around]
  for (const child of Object.values(node).flat()) if (isNode(child)) yield* placesIn(child, inner)
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'

export const findingAt = (source: Source, node: Node, what: string, instead: string): Finding => ({
  path: source.path,
  line: lineOf(source, node),
  what,
  instead,
})

/** Counted from one, as editors do. */
export const lineOf = ({ text }: Source, node: Node): number => text.slice(0, node.start).split('\n').length

export const textOf = ({ text }: Source, node: Node): string => text.slice(node.start, node.end)

/** The folder right below `src`, or null for what is not a source of the product. */
export const layerOf = (path: string): string | null => /^src\/([^/]+)\//.exec(path)?.[1] ?? null
