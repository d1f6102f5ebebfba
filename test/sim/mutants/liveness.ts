/** The variants that design and model of the liveness rules name, beside those of `mutants.ts`. */
import type { Mutant } from './mutant.ts'
import { anyProgress, anySafety, quick } from './plans.ts'

const three = { ...quick, servers: 3, hasWitness: false }

export const livenessMutants: readonly Mutant[] = [
  {
    name: 'silence is measured for each generation by itself',
    rule: 'liveness.md rule 2',
    file: 'decisions/liveness.ts',
    find: 'else if (now >= maySupportAt(l, p, membership)) due',
    instead:
      'else if (now >= maySupportAt(l, p, membership) || (l.heard[p] && l.heard[p].generation < generation)) due',
    seenBy: anySafety,
    plan: quick,
    faults: /restart agent|kill agent|isolated host/,
  },
  {
    name: 'a voter that has just started supports whom it has not heard yet',
    rule: 'liveness.md rule 2',
    file: 'decisions/liveness.ts',
    find: 'return instant(Math.max(since + l.timing.timeoutMs, silentUntil(l, p, membership)))',
    instead:
      'return l.heard[p] ? instant(Math.max(since + l.timing.timeoutMs, silentUntil(l, p, membership))) : l.since',
    seenBy: anySafety,
    plan: quick,
    faults: /restart agent|kill agent|bad link/,
  },
  {
    name: 'a support bars its generation alone, and none that is older',
    rule: 'liveness.md rule 3',
    file: 'decisions/liveness.ts',
    find: 'boolean => g <= (l.barred[p]?.generation ?? -1)',
    instead: 'boolean => g === (l.barred[p]?.generation ?? -1)',
    seenBy: anySafety,
    plan: three,
    faults: /cut|isolated host|bad link|restart agent/,
  },
  {
    name: 'supports are never on disk',
    rule: 'liveness.md rule 3',
    file: 'agents/voter/voter-store.ts',
    find: 'addSupports: (supports) => write((now) => ({ ...now, supports: { ...now.supports, ...supports } })),',
    instead: 'addSupports: () => Promise.resolve(),',
    seenBy: anySafety,
    plan: quick,
    faults: /isolated host|crash/,
  },
  {
    name: 'a voter passes on that a server has released what it merely does not run',
    rule: 'liveness.md rule 4',
    file: 'decisions/passed-on.ts',
    find: 'said.renounced >= known.generation\n      return isOfUse ? [[p, { incarnation: said.incarnation, renounced: said.renounced }]] : []',
    instead:
      'Object.keys(said.groups).length === 0\n      return isOfUse ? [[p, { incarnation: said.incarnation, renounced: known.generation }]] : []',
    seenBy: anySafety,
    plan: quick,
  },
  {
    name: 'a server renounces whatever it runs',
    rule: 'liveness.md rule 5',
    file: 'agents/voter/renouncer.ts',
    find: 'if (isRenouncing || !runner.isAllOff()) return',
    instead: 'if (isRenouncing) return',
    seenBy: anySafety,
    plan: quick,
    faults: /isolated host|one-way cut/,
  },
  {
    name: 'a lapsed server never renounces',
    rule: 'liveness.md rule 5',
    file: 'decisions/liveness.ts',
    find: 'return isOver ? g : null',
    instead: 'return isOver ? null : null',
    seenBy: /web online on s2/,
    // It is heard by everybody, and hears nobody.
    scene: [
      { do: 'cut lan from s2 to s1' },
      { do: 'cut lan from w to s1' },
      { do: 'cut public from s2 to s1' },
      { do: 'cut public from w to s1', expect: 'web online on s2 within 60s' },
    ],
  },
  {
    name: 'a server renounces as soon as it has joined',
    rule: 'liveness.md rule 5',
    file: 'decisions/liveness.ts',
    find: 'const isOver = facts.hadLease || facts.now - facts.joinedAt > 2 * l.timing.timeoutMs',
    instead: 'const isOver = true',
    seenBy: anyProgress,
    plan: quick,
  },
  {
    name: 'a server starts groups before a commit of its own',
    rule: 'liveness.md rule 7c',
    file: 'decisions/may-run.ts',
    find: "if (!facts.hasBarrier) return 'this agent has not had a commit of its own accepted yet'",
    instead: '',
    seenBy: anySafety,
    plan: quick,
    faults: /restart agent|kill agent|operator|isolated log leader/,
  },
  {
    name: 'a server joins without a pause',
    rule: 'liveness.md rule 9',
    file: 'agents/duties.ts',
    find: 'if (isKnown && hasBarrier && joinedMs < liveness.timing.timeoutMs) return null',
    instead: '',
    seenBy: anyProgress,
    plan: quick,
    faults: /one-way cut|isolated host|bad link/,
  },
  {
    name: 'R leaves no room for clocks of different rates',
    rule: 'the inequality',
    file: 'decisions/promises.ts',
    find: 'return instant(sentAt + counted - (releaseMs - driftOf(clockRate) * (timeoutMs - counted)))',
    instead: 'return instant(sentAt + counted - releaseMs + 2 * driftOf(clockRate) * counted)',
    seenBy: anySafety,
    plan: { ...quick, clockRateError: 5 },
    faults: /isolated host|pause agent/,
  },
]
