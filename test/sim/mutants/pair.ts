/** Topology `pair`: what stands in for the missing third voice, and the two copies of the log. */
import type { Mutant } from './mutant.ts'
import { anySafety, quick } from './plans.ts'

const sound = {
  ...quick,
  servers: 2,
  hasWitness: false,
  pingTargets: 1,
  keeps: false,
  pair: { isSound: true },
}
/** Questions take nearly as long as a lease, and who has lost its way is followed by the other at once. */
const slowToNotice = { ...sound, pair: { isSound: true, isPrompt: true, roundPart: 0.9 } }
/** Both may be judged connected, deaf to each other. */
const forked = { ...sound, pair: { isSound: false } }
const uplinks = /flapping|bad uplink|isolated host|network down|crash/
const forking = /deaf|crash/

export const pairMutants: readonly Mutant[] = [
  {
    name: 'a server of a pair goes on alone without resolution',
    rule: 'liveness-pair.ts, 3: a takeover needs to have been connected for all of T',
    file: 'decisions/liveness-pair.ts',
    find: "return pair.alone === null && hasBeenConnected && silentMs >= timeoutMs ? because('np-resolution') : []",
    instead:
      "return pair.alone === null && (hasBeenConnected || silentMs >= timeoutMs) ? because('np-resolution') : []",
    seenBy: /takeovers are supported|one server runs|another commit/,
    plan: sound,
    from: 38,
  },
  {
    name: 'a lease of a pair is stood in for without resolution',
    rule: 'liveness-pair.ts, 1: only whoever is connected',
    file: 'decisions/liveness-pair.ts',
    find: 'return pair.alone === null && left > 0 && isSilent ? judgement.connectedAsOf : null',
    instead: 'return pair.alone === null && left > 0 && isSilent ? now : null',
    seenBy: anySafety,
    plan: sound,
    faults: uplinks,
  },
  {
    name: 'a takeover in a pair goes by a judgement that is older than the lease of the other',
    rule: 'liveness-pair.ts, 3: as of a question that was asked after the last lease had ended',
    file: 'decisions/liveness-pair.ts',
    find: 'const isFresh = connectedAsOf !== null && connectedAsOf >= lastHeard + leaseMs(l) + drift(l)',
    instead: 'const isFresh = connectedAsOf !== null && connectedAsOf + leaseMs(l) + drift(l) > lastHeard',
    seenBy: anySafety,
    plan: slowToNotice,
    faults: /swapped uplinks/,
  },
  {
    name: 'a server of a pair that is heard and does not answer counts as silent',
    rule: 'liveness-pair.ts, 5: a server that is heard and does not answer is not silent',
    file: 'decisions/liveness-pair.ts',
    find: 'const isSilent = silence(l, pair.peer, now) >= leaseMs(l) / 4',
    instead: 'const isSilent = silence(l, pair.peer, now) >= 0',
    seenBy: anySafety,
    plan: sound,
    faults: /half deaf/,
  },
  {
    name: 'what one copy of the log has counts as standing',
    rule: 'pair-log.ts: it stands once the tail has it',
    file: 'agents/pair/pair-log.ts',
    find: "return first.result === 'appended' ? await this.#finish(tail, after, message) : first",
    instead: 'void this.#finish(tail, after, message)\n    return first',
    seenBy: /replicas agree|another commit|takeovers are supported|one server runs/,
    plan: sound,
    faults: uplinks,
  },
  {
    name: 'a history that lost is kept in no file',
    rule: 'pair.md: the diverged tail is kept',
    file: 'agents/pair/log-copier.ts',
    find: 'const file = await keep([formatHeader(cluster), ...tail.map(formatRecorded)], { after, count })',
    instead: 'const file = await keep([formatHeader(cluster)], { after, count })',
    seenBy: /replicas agree/,
    plan: forked,
    faults: forking,
  },
  {
    name: 'the server whose history lost goes on with what it runs',
    rule: 'N6: the loser stops at once',
    file: 'agents/pair/pair-keeper.ts',
    find: 'voter.giveUpLease(generation)\n    } else',
    instead: '} else',
    seenBy: /one server runs|online again/,
    plan: forked,
    faults: forking,
    from: 8,
  },
  {
    name: 'a later agent takes up again the epoch that lost',
    rule: 'liveness.md rule 7d',
    file: 'decisions/may-run.ts',
    find: 'facts.stoppedEpoch !== undefined && facts.stoppedEpoch >= ownership.epoch)\n    return',
    instead: 'facts.stoppedEpoch !== undefined && facts.stoppedEpoch >= ownership.epoch && me === null)\n    return',
    seenBy: /web not on s1 for/,
    plan: { hasWitness: false, pingTargets: 1, pair: { isSound: false }, hasCable: true },
    // Both run it. By the cable they hear of each other, while their two logs, which say different things, cannot be compared.
    scene: [
      { do: 'pull serial cable' },
      { do: 'cut lan between s1 and s2' },
      { do: 'cut public between s1 and s2' },
      { after: '15s', do: 'plug in serial cable', expect: 'web not on s1 within 10s' },
      { do: 'kill agent of s1', expect: 'web not on s1 for 60s' },
      { do: 'heal', expect: 'everything online within 2m' },
    ],
  },
]
