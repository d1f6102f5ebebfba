/** Rules about what changes while groups run: T (rule 10, first half) and the voters (its second half). */
import type { Mutant } from './mutant.ts'
import { anySafety, quick } from './plans.ts'

/** T changes all the time, and machines are cut off meanwhile. */
const changingT = { ...quick, timeoutMs: 3000, intervalMs: 100, otherTimeouts: [3000, 1000] }
const tFaults = /another T|isolated host|one-way cut|bad link|restart agent/
/** Every machine but one is a server, so that a majority of one list is none of the other. */
const changingVoters = {
  ...quick,
  servers: 4,
  hasWitness: true,
  otherVoters: [['s1', 's2', 's3'], ['s2', 's4', 'w'], ['s1']],
}
const voterFaults = /other voters|isolated host|one-way cut/

export const changingMutants: readonly Mutant[] = [
  {
    name: 'a voter that goes by a smaller T forgets that it has promised a larger one',
    rule: 'liveness.md rule 10',
    file: 'agents/voter/voter.ts',
    find: 'this.#liveness = promise(this.#liveness, beat.echoes)',
    instead: '',
    seenBy: anySafety,
    plan: changingT,
    faults: tFaults,
  },
  {
    name: 'what was promised before a restart is forgotten',
    rule: 'liveness.md rule 10',
    file: 'decisions/promises.ts',
    find: 'return at + (isComplete ? ms : Math.max(ms, longestMs))',
    instead: 'return isComplete || ms + longestMs > 0 ? Number.NEGATIVE_INFINITY : at',
    seenBy: anySafety,
    plan: changingT,
    faults: /another T|restart agent|kill agent|isolated host/,
  },
  {
    name: 'a server counts its own T, whatever was promised to it',
    rule: 'liveness.md rule 10',
    file: 'decisions/promises.ts',
    find: 'const counted = Math.min(promisedMs, timeoutMs)',
    instead: 'const counted = Math.max(promisedMs, timeoutMs)',
    seenBy: anySafety,
    plan: changingT,
    faults: tFaults,
    from: 8,
  },
  {
    name: 'new voters count before every server has acknowledged them',
    rule: 'liveness.md rule 10',
    file: 'decisions/change-voters.ts',
    find: 'if (change === null || unacknowledged(state).length > 0) return null',
    instead: 'if (change === null) return null',
    seenBy: anySafety,
    plan: changingVoters,
    faults: voterFaults,
    from: 6,
  },
  {
    name: 'a server acknowledges new voters and goes on counting the old ones alone',
    rule: 'liveness.md rule 10',
    file: 'decisions/leases.ts',
    find: 'return isBound ? instant(Math.min(endOf(l, voters), endOf(l, change.to))) : endOf(l, voters)',
    instead: 'return endOf(l, isBound ? voters : voters)',
    seenBy: anySafety,
    plan: changingVoters,
    faults: voterFaults,
    from: 6,
  },
  {
    name: 'the next voters alone decide on takeovers while the change is in flight',
    rule: 'liveness.md rule 10',
    file: 'decisions/membership.ts',
    find: '    voters,\n    change,\n    servers: current',
    instead: '    voters: change === null ? voters : change.to,\n    change,\n    servers: current',
    seenBy: anySafety,
    plan: changingVoters,
    faults: voterFaults,
  },
]
