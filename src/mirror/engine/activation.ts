/** Whether a copy may be served, from what it says of itself and what the log says of it. */
import { type DataGeneration, parted } from '../generations.ts'
import type { MirrorState } from '../partition/state-record.ts'

export type LogWord = {
  /** The log calls this server's copy current. */
  readonly isCurrent: boolean
  /** The server that was last told to serve this mirror is this one. */
  readonly wasLast: boolean
  /** The generation that the log last named; null when it names none yet. */
  readonly generation: DataGeneration | null
}

export type ActivationAnswer = { readonly may: true } | { readonly may: false; readonly because: string }

/** `boot`: of this machine, now. */
export const mayActivate = (state: MirrorState, boot: string, log: LogWord): ActivationAnswer => {
  const no = (because: string): ActivationAnswer => ({ may: false, because })
  const { current, pending, history } = state.generations
  if (!log.isCurrent) return no('the log calls the other side current')
  // Nobody has served since this one: whoever it followed meanwhile came to nothing, and doubts of following are void.
  // 1. Alpha serves, and hands over. 2. It follows beta, so it is doubtful. 3. Beta ends before the log knows that it serves.
  const isDoubtful = !log.wasLast
  if (isDoubtful && current !== null && !state.isConsistent && state.role !== 'active')
    return no('this copy had not caught up: a resync was writing to it, or had yet to begin')
  // It may have begun writes that nobody else has, while the other side has been read without them.
  if (state.role === 'active' && !log.wasLast) return no('the other side has served since')
  if (log.generation !== null && log.generation !== current && log.generation !== pending) {
    const isOlder = current !== null && !history.includes(log.generation)
    if (isOlder) return no(`this copy is of generation ${current}, the log knows ${log.generation}: it is older`)
  }
  // What a standby acknowledged may have been in a cache that the power cut emptied.
  if (isDoubtful && state.role === 'standby' && state.boot !== boot)
    return no('this machine was restarted while it followed: what it had acknowledged may be lost')
  return { may: true }
}

/** Put in force without metadata: a content of its own, of which nothing is an ancestor, so all of it is copied. */
export const named = (state: MirrorState, newGeneration: () => DataGeneration): MirrorState => {
  const { generations } = state
  return { ...state, generations: { ...generations, current: generations.current ?? newGeneration() } }
}

/** This side goes on alone. A copy that was begun for an earlier parting says nothing about what the other side lacks now. */
export const goneAlone = (state: MirrorState, generation: DataGeneration): MirrorState => {
  const { generations, copyTo } = state
  const wereJoined = generations.base === null && generations.peer !== null
  return { ...state, generations: parted(generations, generation), copyTo: wereJoined ? null : copyTo }
}

export type Activation = {
  readonly epoch: number
  readonly boot: string
  /** What the log last named for this side. */
  readonly recorded: DataGeneration | null
}

/** The state of a copy that is served from now on. A break that the log has recorded before a crash is made good. */
export const activated = (state: MirrorState, { epoch, boot, recorded }: Activation): MirrorState => {
  const { generations } = state
  const isRecorded = generations.pending !== null && generations.pending === recorded
  return {
    ...(isRecorded ? goneAlone(state, recorded) : { ...state, generations: { ...generations, pending: null } }),
    role: 'active',
    isConsistent: true,
    epoch,
    boot,
    // Whatever was copied here, it is served now.
    copyOf: null,
  }
}
