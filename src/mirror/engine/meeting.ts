/** Both sides have connected: what each has, and what has to happen before they are one mirror. */
import type { ClusterPartition } from '../cluster-partition.ts'
import type { Disk } from '../disk.ts'
import { type Generations, relate } from '../generations.ts'
import type { Frame } from '../peer/frame.ts'
import { type BlockRun, mostRuns, type PeerState, parseRuns, parseState } from '../peer/messages.ts'

export type Met = {
  readonly state: PeerState
  /** Where the other side's copy may differ for reasons of its own. */
  readonly runs: readonly BlockRun[]
  /** Why the two cannot be a mirror; null when they can. */
  readonly objection: string | null
}

/** Gathers what the other side says of itself after a connection was opened. */
export class Meeting {
  readonly #partition: Pick<ClusterPartition, 'geometry'>
  readonly #sectorBytes: number
  #state: PeerState | null = null
  #runs: BlockRun[] = []
  #objection: string | null = null
  #met: Met | null = null

  constructor({
    partition,
    data,
  }: { readonly partition: Pick<ClusterPartition, 'geometry'>; readonly data: Pick<Disk, 'blockBytes'> }) {
    this.#partition = partition
    this.#sectorBytes = data.blockBytes
  }

  /** Null until everything was said. */
  get met(): Met | null {
    return this.#met
  }

  /** True once, when everything was said. */
  readonly take = (one: Frame): boolean => {
    if (this.#met !== null) return false
    if (one.kind === 'state') {
      this.#state = parseState(one)
      this.#objection = this.#state === null ? 'its state cannot be read' : this.#objectionTo(this.#state)
    } else if (one.kind === 'marks') this.#takeRuns(one)
    else if (one.kind === 'marks-end' && this.#state !== null)
      this.#met = { state: this.#state, runs: this.#runs, objection: this.#objection }
    return this.#met !== null
  }

  readonly #takeRuns = (one: Frame): void => {
    const { dataBytes, blockBytes } = this.#partition.geometry
    const blocks = Math.ceil(Math.max(dataBytes, this.#state?.dataBytes ?? 0) / blockBytes)
    const runs = parseRuns(one, blocks)
    if (runs === null) this.#objection = 'its marks are not of this mirror'
    else if (this.#runs.length > mostRuns) this.#runs = [{ first: 0, count: blocks }]
    else this.#runs.push(...runs)
  }

  readonly #objectionTo = ({ dataBytes, blockBytes, sectorBytes, role }: PeerState): string | null => {
    const own = this.#partition.geometry
    if (role !== 'standby') return `it is ${role}, not standby`
    // The side that follows grows first; what it has more is not used yet.
    if (dataBytes < own.dataBytes) return `it mirrors ${dataBytes} bytes, here are ${own.dataBytes}`
    if (blockBytes !== own.blockBytes) return `its blocks have ${blockBytes} bytes, here ${own.blockBytes}`
    // What one writes the other could not; nor could a file system be mounted there that was made here.
    if (sectorBytes !== null && sectorBytes !== this.#sectorBytes)
      return `its disk has sectors of ${sectorBytes} bytes, the one here of ${this.#sectorBytes}: give the mirror two that have the same (blockdev --getss)`
    return null
  }
}

export type MeetingAnswer =
  /** Nothing is copied without an operator's word; this side goes on alone. */
  | { readonly decision: 'refuse'; readonly because: string }
  /** A resync is needed, and the log must know first that the other side is not current. */
  | { readonly decision: 'break'; readonly because: string }
  /** This copy is older: it should not be served at all. */
  | { readonly decision: 'stop'; readonly because: string }
  | { readonly decision: 'go-on' }
  | { readonly decision: 'resync'; readonly copy: 'differences' | 'everything' }

export type MeetingSide = {
  /** Not a mark here: nothing that may differ. */
  readonly isFresh: boolean
  /** The very process that acknowledged what was written before: it has forgotten nothing. */
  readonly isSameSession: boolean
  /** The log knows that the other side is not current. */
  readonly isAlone: boolean
}

/** What the active side does about the side it has met. */
export const meet = (mine: Generations, { state, runs, objection }: Met, side: MeetingSide): MeetingAnswer => {
  if (objection !== null) return { decision: 'refuse', because: objection }
  const relation = relate(mine, state.generations)
  switch (relation.are) {
    case 'unrelated':
      return { decision: 'refuse', because: 'the other side has a different disk: not one generation in common' }
    case 'split':
      return {
        decision: 'refuse',
        because: 'both sides went on from the same content: choose whose changes are given up',
      }
    case 'new':
      return { decision: 'break', because: 'nothing was ever written: the first copy is made in full' }
    case 'apart':
      if (relation.source === 'theirs') return { decision: 'stop', because: 'the other side is newer' }
      if (!side.isAlone) return { decision: 'break', because: 'the other side lacks something' }
      return { decision: 'resync', copy: relation.copy }
    case 'equal': {
      if (side.isAlone) return { decision: 'resync', copy: 'differences' }
      const isWhole = state.isConsistent && runs.length === 0
      if (isWhole && (side.isSameSession || side.isFresh)) return { decision: 'go-on' }
      return { decision: 'break', because: 'the two sides may differ where they were being written' }
    }
    default:
      return relation satisfies never
  }
}
