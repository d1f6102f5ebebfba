/** What stands beside machines and networks: fencing and `keep`, cables, shared disks, NP resolution. */
import type { Mutant } from './mutant.ts'
import { anySafety, quick } from './plans.ts'

const fenced = { ...quick, fencing: { policy: 'required', action: 'off' }, hasWatchdog: false } as const
const keeping = { ...fenced, keeps: true, servers: 2, hasWitness: true } as const
const powers = /controller|long freeze|freeze|isolated host/

export const deviceMutants: readonly Mutant[] = [
  {
    name: 'a group moves before its lost server is proven off',
    rule: 'fencing.md: required',
    file: 'decisions/take-over.ts',
    find: "if (need !== 'none' && !hasItsWord) {",
    instead: "if (need === 'preferred' && !hasItsWord) {",
    seenBy: anySafety,
    plan: fenced,
    faults: powers,
  },
  {
    name: 'an attempt that failed counts as a proof',
    rule: 'fencing.md: a time-out is a failure',
    file: 'decisions/fence-server.ts',
    find: "if (needsFence(state, server).need === 'required') return together([failed], {}, open.requestedBy)",
    instead: '',
    seenBy: anySafety,
    plan: { ...fenced, timeoutMs: 6000, intervalMs: 500 },
    faults: /controller dead|long freeze/,
  },
  {
    name: 'what a controller says is believed, whatever is seen',
    rule: 'fencing.md: success is what a device sees',
    file: 'agents/fencing/driver.ts',
    find: "let last = ordered.ok ? 'it was not seen off' : ordered.because",
    instead: 'if (ordered.ok) return { ok: true }\n  let last = ordered.because',
    seenBy: anySafety,
    plan: fenced,
    faults: powers,
  },
  {
    name: 'a server that keeps what it runs is taken over without a fence',
    rule: 'liveness.md rule 12',
    file: 'decisions/take-over.ts',
    find: "if (need !== 'none' && !hasItsWord) {",
    instead: "if (need === 'preferred' && !hasItsWord) {",
    seenBy: anySafety,
    plan: keeping,
    faults: /isolated host|network down/,
  },
  {
    name: 'a server that keeps what it runs starts what it owns, too',
    rule: 'liveness.md rule 12',
    file: 'decisions/may-run.ts',
    find: "return !at.isLeased && isKept(state, group, at) ? 'hold' : 'release'",
    instead: "return ownershipOf(state, group)?.server === at.me && keepsOnQuorumLoss(state) ? 'run' : 'release'",
    seenBy: anySafety,
    plan: keeping,
    faults: /isolated host|network down|crash|switched on again/,
  },
  {
    name: 'a cable or a disk makes a promise of what was barred',
    rule: 'liveness.md rule 3, by cable and disk',
    file: 'agents/heartbeats/compact-beat.ts',
    find: 'promisedMs: promised === nothingPromised || promised === 0 ? null : promised,',
    instead: 'promisedMs: promised === nothingPromised || promised === 0 ? 1000 : promised,',
    seenBy: anySafety,
    plan: { ...quick, servers: 2, hasWitness: true, hasCable: true, hasSharedDisk: true },
    faults: /isolated host|network down|cut|cable|disk/,
  },
  {
    name: 'noise on a cable, and what is half written on a disk, is believed',
    rule: 'compact-beat.ts: a wrong HMAC is dropped',
    file: 'agents/heartbeats/compact-beat.ts',
    find: "if (!isEqual(all.subarray(content.length), macOf(content))) return 'forged'",
    instead: '',
    seenBy: /./,
    plan: { ...quick, servers: 2, hasWitness: true, hasCable: true, hasSharedDisk: true },
    faults: /isolated host|network down|noisy cable|shared disk/,
  },
  {
    name: 'what stood on the shared disk before it could be read is heard',
    rule: 'slot-reader.ts: the first beat proves nothing',
    file: 'agents/heartbeats/slot-reader.ts',
    find: 'return before === null ? null : beat',
    instead: 'return beat',
    seenBy: /web online on s2|takeovers are supported/,
    plan: { hasSharedDisk: true, timeoutMs: 12_000 },
    // Its slot keeps the last beat of s1 for ever; s2 has just started, and can read it before the silence is over.
    scene: [
      { after: '20s', do: 'detach heartbeat disk of s2' },
      { do: 'power off s1' },
      { do: 'kill agent of s2' },
      { after: '2s', do: 'attach heartbeat disk of s2', expect: 'web online on s2 within 12s' },
    ],
  },
  {
    name: 'a server that NP resolution calls cut off never takes over',
    rule: 'liveness.md rule 11: a delay, never a veto',
    file: 'agents/duties.ts',
    find: "return np().verdict === 'cut-off' ? Math.max(wait, ping?.wait ?? 0) : 0",
    instead: "return np().verdict === 'cut-off' ? Number.POSITIVE_INFINITY + wait + (ping?.wait ?? 0) : 0",
    seenBy: /web online on s2/,
    plan: { pingTargets: 1 },
    scene: [{ do: 'silence 10.0.0.254' }, { do: 'power off s1', expect: 'web online on s2 within 60s' }],
  },
]
