/** The product's rules as the model calls them, so that a test can put a broken one in the place of one of them. */

import { acknowledgeVoters, changeVoters, completeVoters } from '../../../src/decisions/change-voters.ts'
import { recordAttempt } from '../../../src/decisions/fence-server.ts'
import { joinServer } from '../../../src/decisions/join-server.ts'
import * as leases from '../../../src/decisions/leases.ts'
import * as liveness from '../../../src/decisions/liveness.ts'
import { standingOf } from '../../../src/decisions/may-run.ts'
import { operate } from '../../../src/decisions/operate.ts'
import { passedOnBy } from '../../../src/decisions/passed-on.ts'
import * as promises from '../../../src/decisions/promises.ts'
import { reportStopped } from '../../../src/decisions/report-group.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import type { Epoch, Instant } from '../../../src/events/index.ts'

/** What one voter has on disk. */
export type Disk = {
  store: string
  incarnation: liveness.Durable['incarnation']
  supports: liveness.Durable['supports']
  renounced: liveness.Durable['renounced']
  promised: liveness.Durable['promised']
  readonly stopped: Map<string, Epoch>
}

export const theRules = {
  awaken: liveness.awaken,
  beatDue: liveness.beatDue,
  echoesOf: liveness.echoesOf,
  hear: liveness.hear,
  leasedUntil: leases.leasedUntil,
  supportsDue: liveness.supportsDue,
  bar: liveness.bar,
  publish: liveness.publish,
  supportersOf: liveness.supportersOf,
  hearersOf: liveness.hearersOf,
  needsGeneration: liveness.needsGeneration,
  mayRenounce: liveness.mayRenounce,
  giveUpLease: liveness.giveUpLease,
  renounce: liveness.renounce,
  passedOnBy,
  standingOf,
  retimed: liveness.retimed,
  promise: promises.promise,
  promiseDue: promises.promiseDue,
  acknowledging: leases.acknowledging,
  changeToAcknowledge: leases.changeToAcknowledge,
  changeVoters,
  acknowledgeVoters,
  completeVoters,
  takeOver,
  recordAttempt,
  joinServer,
  reportStopped,
  operate,
  /** What the agents do besides: as `voter.ts`, `server-agent.ts`, `voter-store.ts` and the log do it. */
  stoodStill: (l: liveness.Liveness, now: Instant): liveness.Liveness => ({ ...l, since: now }),
  isHadLeaseOfThisGeneration: (leasedUnder: number | null, generation: number): boolean => leasedUnder === generation,
  /** How a support gets to disk, how long it takes, and whether it is said only then. */
  isSaidOnceDurable: true as boolean,
  /** How long a renunciation may take to get to disk. */
  renouncingMs: [0, 10, 300, 1500] as readonly number[],
  /** Whose supports count for a takeover. */
  electorateOf: (membership: liveness.Membership): liveness.Membership => membership,
  /** Whether a larger T is promised only once it is on disk. */
  isPromisedOnceDurable: true as boolean,
  /** What a voter finds on its disk at its start. */
  readBack: (disk: Disk): Disk => disk,
  /** Compare-and-set of the log. */
  isExpected: (after: number, length: number): boolean => after === length,
}
export type Rules = typeof theRules
