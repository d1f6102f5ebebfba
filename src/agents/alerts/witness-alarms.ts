/** What a witness raises by itself: it puts nothing on the log, and nobody else sees these of it. */
import type { ConditionFacts } from '../../decisions/server-conditions.ts'
import { conditionsOf } from '../../decisions/server-conditions.ts'
import { serverName, type VoterName } from '../../events/index.ts'
import type { MessageName } from '../../projections/alert-catalogue.ts'
import type { State } from '../../projections/state.ts'
import { durationInWords, listInWords } from '../../projections/wording.ts'
import { outOfTouchAlarm, storeAlarm } from './alarms.ts'
import type { Alarm } from './local-alarms.ts'

export type WitnessFacts = {
  /** Its store is not the one that was admitted. */
  readonly isForeign: () => boolean
  readonly outOfTouchMs: () => number
  /** Of the voters that count, the witness among them: whom it has heard within T, and whom not. */
  readonly voters: () => { readonly heard: readonly string[]; readonly silent: readonly string[] }
  readonly state: () => State
  readonly conditions: () => Pick<ConditionFacts, 'rateErrorPercent' | 'certificateDays'>
}

export const witnessAlarms = (me: VoterName, facts: WitnessFacts): readonly Alarm[] => [
  outOfTouchAlarm(me, facts.outOfTouchMs, { away: 'witnessLogAway', back: 'witnessLogBack' }),
  aloneAlarm(me, facts),
  storeAlarm(me, facts.isForeign),
  conditionAlarm(me, facts, { condition: 'clock-rate', found: 'witnessClockWrong', ended: 'witnessClockRight' }),
  conditionAlarm(me, facts, {
    condition: 'certificate',
    found: 'witnessCertificateEnding',
    ended: 'witnessCertificateRenewed',
  }),
]

/** Not before it has heard a majority once: a cluster that starts machine by machine is no news. */
const aloneAlarm = (me: VoterName, { voters }: WitnessFacts): Alarm => {
  let hasHeard = false
  return {
    begun: () => {
      const { heard, silent } = voters()
      const hears = heard.length > silent.length
      if (hears) hasHeard = true
      if (hears || !hasHeard) return null
      return { name: 'witnessAlone', server: me, values: [me, `it does not hear ${listInWords(silent)}`] }
    },
    over: (lastedMs) => ({ name: 'witnessHears', server: me, values: [me, durationInWords(lastedMs)] }),
  }
}

const conditionAlarm = (
  me: VoterName,
  { state, conditions }: WitnessFacts,
  names: {
    readonly condition: 'clock-rate' | 'certificate'
    readonly found: MessageName
    readonly ended: MessageName
  },
): Alarm => {
  const found = () => conditionsOf(state(), serverName(me), { ...conditions(), watchdog: null })[names.condition]
  return {
    begun: () => {
      const now = found()
      return now === undefined ? null : { name: names.found, server: me, values: [me, now.because], level: now.level }
    },
    over: (lastedMs) => ({ name: names.ended, server: me, values: [me, durationInWords(lastedMs)] }),
  }
}
