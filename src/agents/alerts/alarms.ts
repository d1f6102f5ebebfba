/** Which alarms a voter raises by itself. */
import type { VoterName } from '../../events/index.ts'
import type { MessageName } from '../../projections/alert-catalogue.ts'
import { durationInWords, listInWords } from '../../projections/wording.ts'
import type { Alarm } from './local-alarms.ts'

/** An election of the log's leader may take up to 9 s: only what lasts longer is worth waking somebody. */
const electionMs = 10_000

/** Nothing can be decided. `outOfTouchMs`: for how long. */
export const logAlarm = (me: VoterName, outOfTouchMs: () => number): Alarm =>
  outOfTouchAlarm(me, outOfTouchMs, { away: 'logAway', back: 'logBack' })

/** The same, in the words of whom it concerns. */
export const outOfTouchAlarm = (
  me: VoterName,
  outOfTouchMs: () => number,
  names: { readonly away: MessageName; readonly back: MessageName },
): Alarm => ({
  begun: () => {
    const ms = outOfTouchMs()
    return ms < electionMs ? null : { name: names.away, server: me, values: [me, durationInWords(ms)] }
  },
  over: (lastedMs) => ({ name: names.back, server: me, values: [me, durationInWords(lastedMs)] }),
})

/** Rule 3: this voter's store is not the one that was admitted. Until an operator acts, fewer voters may fail. */
export const storeAlarm = (me: VoterName, isForeign: () => boolean): Alarm => ({
  begun: () => (isForeign() ? { name: 'storeForeign', server: me, values: [me] } : null),
  over: (lastedMs) => ({ name: 'storeAdmitted', server: me, values: [me, durationInWords(lastedMs)] }),
})

/** A server that had a lease has none: it stops what it runs, or goes on with it (rule 12). */
export const majorityAlarm = (
  me: VoterName,
  { hasLease, keeps, held }: { hasLease: () => boolean; keeps: () => boolean; held: () => readonly string[] },
): Alarm => {
  let hadLease = false
  return {
    begun: () => {
      if (hasLease()) hadLease = true
      if (hasLease() || !hadLease) return null
      const groups = held()
      const what = keeps() && groups.length > 0 ? `it goes on with ${listInWords(groups)}` : 'it stops what it runs'
      return { name: 'majorityLost', server: me, values: [me, what] }
    },
    over: (lastedMs) => ({ name: 'majorityBack', server: me, values: [me, durationInWords(lastedMs)] }),
  }
}
