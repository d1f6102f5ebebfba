/** Which of two copies is newer, and how far apart they are: a chain of names, one for each time the two parted. */
import type { Brand } from '../events/index.ts'

/** Names one mirror disk for ever: 16 random bytes, hexadecimal. */
export type MirrorId = Brand<string, 'MirrorId'>
/** Names a content that only one side can go on from: 8 random bytes, hexadecimal. */
export type DataGeneration = Brand<string, 'DataGeneration'>
/** Names one attempt to bring a copy up, however often it is interrupted: 8 random bytes, hexadecimal. */
export type CopyName = Brand<string, 'CopyName'>
export const copyName = (text: string): CopyName => text as CopyName
export const mirrorId = (text: string): MirrorId => text as MirrorId
export const dataGeneration = (text: string): DataGeneration => text as DataGeneration

/** Partings that are remembered; a copy that is older than all of them is brought up in full. */
export const historyLength = 32

export type Generations = {
  /** Of the content here; null = never written by a mirror. */
  readonly current: DataGeneration | null
  /** Since when the dirty bitmap counts: what both sides had when they parted. Null = not parted. */
  readonly base: DataGeneration | null
  /** Named for a break that is being recorded: becomes current if the log has it, and is forgotten if not. */
  readonly pending: DataGeneration | null
  /** What the other side said last. */
  readonly peer: DataGeneration | null
  /** Newest first. */
  readonly history: readonly DataGeneration[]
}

export const noGenerations: Generations = { current: null, base: null, pending: null, peer: null, history: [] }

/** Going on alone: the content is new from here, and the bitmap counts since the old one. */
export const parted = (generations: Generations, next: DataGeneration): Generations => {
  const { current, base, history } = generations
  if (current === next) return { ...generations, pending: null }
  return {
    current: next,
    // Parted before: the other side still has what it had then.
    base: base ?? current,
    pending: null,
    peer: generations.peer,
    history: current === null ? history : [current, ...history].slice(0, historyLength),
  }
}

/** Both sides are equal again. */
export const joined = (source: Generations): Generations => ({
  ...source,
  base: null,
  pending: null,
  peer: source.current,
})

export type Relation =
  /** Nothing to copy but what was under way. */
  | { readonly are: 'equal' }
  /** What the bitmaps name has to be copied, from here or to here. */
  | { readonly are: 'apart'; readonly source: 'mine' | 'theirs'; readonly copy: 'differences' | 'everything' }
  /** Nothing was ever written on either side. */
  | { readonly are: 'new' }
  /** Both went on from the same content. */
  | { readonly are: 'split'; readonly common: DataGeneration | null }
  /** Not one generation in common: two different disks. */
  | { readonly are: 'unrelated' }

/** As DRBD's handshake: what is not provably an ancestor is not overwritten without an operator's word. */
export const relate = (mine: Generations, theirs: Generations): Relation => {
  if (mine.current === null && theirs.current === null) return { are: 'new' }
  if (mine.current === null) return { are: 'apart', source: 'theirs', copy: 'everything' }
  if (theirs.current === null) return { are: 'apart', source: 'mine', copy: 'everything' }
  if (mine.current === theirs.current) return { are: 'equal' }
  if (mine.base === theirs.current && theirs.base === null) return { are: 'apart', source: 'mine', copy: 'differences' }
  if (theirs.base === mine.current && mine.base === null) return { are: 'apart', source: 'theirs', copy: 'differences' }
  if (mine.history.includes(theirs.current) && theirs.base === null)
    return { are: 'apart', source: 'mine', copy: 'everything' }
  if (theirs.history.includes(mine.current) && mine.base === null)
    return { are: 'apart', source: 'theirs', copy: 'everything' }
  const common = commonAncestor(mine, theirs)
  return common === null ? { are: 'unrelated' } : { are: 'split', common }
}

const commonAncestor = (mine: Generations, theirs: Generations): DataGeneration | null => {
  const known = new Set([theirs.current, theirs.base, ...theirs.history])
  const own = [mine.current, ...mine.history, mine.base]
  return own.find((one) => one !== null && known.has(one)) ?? null
}
