/**
 * What one reader makes of one server's slot, which keeps its last beat for ever.
 *
 * 1. A server dies; its last beat stays in its slot.
 * 2. A voter starts. To it every beat is the first it ever hears of that server, and would count as new: the dead
 *    server would live for another T, and again after each restart of a reader.
 * So what was there when a reader looked for the first time proves nothing, and only a beat that is newer than that, by
 * its own incarnation and number, is passed on. An unreadable slot is no first look: what is read after it may be old.
 */
import type { Beat } from '../../decisions/liveness.ts'
import type { CompactCodec, Unreadable } from './compact-beat.ts'
import { readSlot } from './disk-layout.ts'

export type SlotReader = {
  /** A beat that was written since the last look; why the slot cannot be read; or null: nothing new. */
  readonly look: (bytes: Uint8Array) => Beat | Unreadable | null
}

export const slotReader = (codec: Pick<CompactCodec, 'decode'>): SlotReader => {
  let newest: Pick<Beat, 'incarnation' | 'number'> | 'none' | null = null
  return {
    look: (bytes) => {
      const content = readSlot(bytes)
      if (content === 'empty') {
        newest ??= 'none'
        return null
      }
      const beat = content === 'damaged' ? content : codec.decode(content)
      if (typeof beat === 'string') return beat
      const before = newest
      if (before !== null && before !== 'none' && !isNewer(beat, before)) return null
      newest = { incarnation: beat.incarnation, number: beat.number }
      return before === null ? null : beat
    },
  }
}

type Count = Pick<Beat, 'incarnation' | 'number'>

const isNewer = (one: Count, other: Count): boolean =>
  one.incarnation > other.incarnation || (one.incarnation === other.incarnation && one.number > other.number)
