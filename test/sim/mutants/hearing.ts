/** What counts as having been heard, and for how long. */
import type { Mutant } from './mutant.ts'
import { anySafety, group, mirroredGroup, quick } from './plans.ts'

export const hearingMutants: readonly Mutant[] = [
  {
    name: 'beats count for their own generation alone',
    rule: 'liveness.md rule 1',
    file: 'decisions/liveness.ts',
    find: 'const granted = { sentAt, promisedMs: echo.promisedMs }',
    instead: 'const granted = { sentAt, promisedMs: echo.promisedMs, generation: echo.generation }',
    also: [
      {
        file: 'decisions/leases.ts',
        find: '? never : leaseEnd(l, membership)',
        instead:
          '? never : leaseEnd({ ...l, grants: Object.fromEntries(Object.entries(l.grants).filter(([, one]) => one.generation === membership.generations[l.me].generation)) }, membership)',
      },
    ],
    seenBy: /web online on s1 for/,
    // The witness has given both servers up, and hears them again: they join anew, and go on with what they run.
    scene: [{ do: 'isolate w' }, { after: '5s', do: 'reconnect w', expect: 'web online on s1 for 20s' }],
  },
  {
    name: 'a voter supports one interval before T has passed',
    rule: 'liveness.md rule 4',
    file: 'decisions/liveness.ts',
    find: 'return instant(Math.max(since + l.timing.timeoutMs, silentUntil(l, p, membership)))',
    instead: 'return instant(Math.max(since + l.timing.timeoutMs, silentUntil(l, p, membership)) - 80)',
    seenBy: /takeovers are supported/,
    plan: quick,
  },
  {
    name: 'a lease goes on where the machine was suspended',
    rule: 'liveness.md: a jump of CLOCK_BOOTTIME ends the lease at once',
    file: 'agents/voter/voter.ts',
    find: 'const wasSuspended = suspendedMs - this.#suspendedMs > releaseMs / 4',
    instead: 'const wasSuspended = false',
    // The guardian goes by CLOCK_BOOTTIME, too.
    also: [
      {
        file: 'agents/guardian/guardian.ts',
        find: 'if (this.#world.clock.sinceBoot() < this.#until + this.#budget.agentMs) return this.#arm()',
        instead: 'if (this.#world.clock.now() < this.#until + this.#budget.agentMs) return this.#arm()',
      },
    ],
    seenBy: anySafety,
    scene: [{ do: 'suspend s1 for 2400ms' }, { do: 'isolate s1', expect: 'web online on s2 within 20s' }],
  },
  {
    name: 'a resource that is lost is told of once',
    rule: 'architecture.md: what cannot be recorded is told again',
    file: 'agents/monitor-runner.ts',
    find: 'const driver = sight && { look: async () => sight }',
    instead:
      "let told = 0; const driver = sight && { look: async () => (told++ === 0 ? sight : { verdict: 'normal', because: '' }) }",
    seenBy: /web online within/,
    plan: { groups: [{ ...group, name: 'web', resources: 2 }] },
    // Longer than an append is pursued.
    scene: [
      ...['s1', 's2', 'w'].map((host) => ({ do: `pause log-server of ${host} for 60s` })),
      { after: '100ms', do: 'fail r1 of web' },
      { after: '60s', expect: 'web online within 20s' },
    ],
  },
  {
    name: 'traffic of a mirror connect is a sign of life',
    rule: 'liveness.md rule 11',
    file: 'mirror/peer/link.ts',
    find: '    this.#heardAt = this.#world.clock.now()\n    const trouble',
    instead:
      "    this.#heardAt = this.#world.clock.now()\n    globalThis[this.#identity.server + ' hears ' + this.#identity.peer] = this.#heardAt\n    const trouble",
    also: [
      {
        file: 'decisions/liveness.ts',
        find: 'const since = Math.max(l.heard[p]?.at ?? Number.NEGATIVE_INFINITY, l.since)',
        instead: "const since = Math.max(globalThis[l.me + ' hears ' + p] ?? 0, l.heard[p]?.at ?? 0, l.since)",
      },
    ],
    seenBy: /s2 down/,
    plan: { groups: [{ ...mirroredGroup, name: 'web' }] },
    // The standby's agent and guardian hang; its data plane does not.
    scene: [{ do: 'pause guardian of s2 for 5m' }, { do: 'pause agent of s2 for 5m', expect: 's2 down within 30s' }],
  },
]
