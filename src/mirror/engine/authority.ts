/** Whom the engine asks and tells: the cluster's log decides who is current, the engine never does. */
import type { BlockError } from '../engine-interface.ts'
import type { DataGeneration } from '../generations.ts'

export type MirrorBreak = {
  /** The server that goes on, and has every acknowledged write. */
  readonly current: string
  /** The server that is left behind. */
  readonly stale: string
  /** What the content of `current` is called from now on. */
  readonly generation: DataGeneration
  readonly epoch: number
  readonly because: string
}
export type MirrorDetach = {
  /** The server that serves on without a disk of its own: its copy is void. */
  readonly server: string
  /** The server whose copy has every acknowledged write, durably. */
  readonly current: string
  readonly epoch: number
  readonly because: string
}
export type MirrorJoin = {
  readonly source: string
  readonly target: string
  /** What both have. Invariant: refused when the log knows a newer one; a late join must not undo a break. */
  readonly generation: DataGeneration
  readonly epoch: number
}

/**
 * The log, as the engine sees it. A promise that rejects means "not known": the engine asks the same again. Until
 * `breakMirror` has answered "recorded" no write is acknowledged that only one side has.
 */
export type MirrorAuthority = {
  /** 'refused': somebody else is current, or the epoch is over. The engine stops. */
  readonly breakMirror: (event: MirrorBreak) => Promise<'recorded' | 'refused'>
  /** Until it has answered "recorded" no write is acknowledged that only the other side has. */
  readonly detachMirror: (event: MirrorDetach) => Promise<'recorded' | 'refused'>
  readonly joinMirror: (event: MirrorJoin) => Promise<'recorded' | 'refused'>
}

export type PairState =
  /** Waits for the other side, or for the log: writes are taken and not acknowledged. */
  | 'holding'
  | 'alone'
  | 'resyncing'
  | 'paired'
  /** Serves with the disk of the other side alone: its own has failed. */
  | 'detached'
  /** Nothing is served any more. */
  | 'stopped'

export type MirrorCondition = {
  readonly pair: PairState
  /** In words for people; why it is so. */
  readonly because: string
  readonly dirtyBlocks: number
}

/** Called whenever the condition changes; must not call back. */
export type ConditionListener = (condition: MirrorCondition) => void

export type Settle = (error: BlockError | null) => void
