/**
 * Rules of a mirror, each broken on purpose: what joint simulations see. The table in docs/simulation.md has them by rule, and
 * says of those that are not here why nothing is seen, or what sees it instead.
 */
import type { Mutant } from '../mutants/mutant.ts'
import type { JointPlan } from './joint-plan.ts'
import { lost, mutantsInScenes } from './mutants-in-scenes.ts'
import type { SceneName } from './scenes.ts'

export type MirrorMutant = Omit<Mutant, 'plan' | 'scene'> & {
  readonly plan?: Partial<JointPlan>
  /** The first seed that is tried: shortly before the one that saw it. */
  readonly from?: number
  /** What chance shows too rarely: this one in place of seeds. */
  readonly scene?: SceneName
}

/** Many small regions: marks are cleared long before everything was flushed anyway. */
const wide = { blocks: 320, regionBytes: 4096, writesEvery: [1, 12] } as const

export const mirrorMutants: readonly MirrorMutant[] = [
  {
    name: 'regions are marked after their data is written',
    rule: 'mirror.md: intent before write',
    file: 'mirror/engine/intents.ts',
    find: 'this.#partition.intent.mark(regions)',
    instead: 'for (const region of regions) this.#partition.intent.add(region)',
    seenBy: lost,
    faults: /power|midst|kill mirror/,
  },
  {
    name: 'marks are cleared before both sides have flushed',
    rule: 'mirror.md: intent before write',
    file: 'mirror/engine/intents.ts',
    find: 'if (last >= this.#flushedBelow && last !== 0) continue',
    instead: '',
    seenBy: lost,
    plan: wide,
    faults: /power|midst|kill mirror/,
  },
  {
    name: 'the newly active side copies no intent regions',
    rule: 'mirror.md: resync copies dirty and intent regions',
    file: 'mirror/engine/active.ts',
    find: 'for (const { first, count } of markedRuns(partition)) partition.dirty.addRange(first, count)',
    instead: '',
    seenBy: lost,
    faults: /power|midst|kill mirror/,
  },
  {
    name: 'what was acknowledged and not flushed is believed to be there after a power loss',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/active.ts',
    find: 'for (const block of this.#parts.writes.intents.unflushedBlocks()) this.#side.partition.dirty.add(block)',
    instead: '',
    seenBy: lost,
    faults: /power$|midst/,
  },
  {
    name: 'a side whose disk has failed acknowledges before the log knows that its copy is void',
    rule: 'mirror.md: completion before the log knows',
    file: 'mirror/engine/detachment.ts',
    find: "if (this.#state === 'flushing' && this.#fence !== null && sequence >= this.#fence) this.#ask()\n    return true",
    instead:
      "if (this.#state === 'flushing' && this.#fence !== null && sequence >= this.#fence) this.#ask()\n    return false",
    seenBy: lost,
    faults: /writes of the active|cut off|no log/,
  },
  {
    name: 'what comes after a disk of the active side has failed is sent before the log knows',
    rule: 'mirror.md: intent before write',
    file: 'mirror/engine/active.ts',
    find: 'this.#heldBack.hold()',
    instead: '',
    seenBy: lost,
    plan: wide,
    faults: /writes of the active/,
  },
  {
    name: 'what a failing disk did not mark is sent',
    rule: 'mirror.md: intent before write',
    file: 'mirror/engine/writes.ts',
    find: 'if (ranges.length > 0 && this.#port.isAttached()) this.intents.begin(ranges, this.#sequence)',
    instead: 'if (ranges.length > 0) this.#here(() => this.intents.begin(ranges, this.#sequence))',
    seenBy: lost,
    plan: wide,
    faults: /writes of the active/,
    from: 25,
  },
  {
    name: 'a copy whose disk failed is believed afterwards',
    rule: 'mirror.md: a side that is detached lacks everything',
    file: 'projections/mirrors.ts',
    find: 'change(mirror, server, { known: null, seen: null })\n  return contradiction',
    instead: 'return contradiction',
    // Where its metadata can still be written, that says the same.
    also: [
      {
        file: 'mirror/engine/disk-care.ts',
        find: 'partition.dirty.addAll()',
        instead: '',
      },
    ],
    seenBy: lost,
    from: 14,
    plan: wide,
    faults: /writes of the active|operator/,
  },
  {
    name: 'the content keeps its name at a break',
    rule: 'mirror.md: generation',
    file: 'mirror/engine/activation.ts',
    find: 'generations: parted(generations, generation)',
    instead: 'generations: { ...generations, pending: null }',
    seenBy: /./,
    faults: /power|cut|kill mirror/,
  },
  {
    name: 'a stale copy may be given the group, as far as the log goes',
    rule: 'mirror.md: the stale side cannot be activated',
    file: 'decisions/mirror-fitness.ts',
    find: 'if (mirror.stale === server) return staleness(mirror, server)',
    instead: 'if (mirror.stale === server) return null',
    seenBy: /./,
    faults: /power|kill mirror|operator/,
  },
  {
    name: 'a copy from a backup is believed',
    rule: 'mirror.md: a copy that claims an older generation than the log knows is stale',
    file: 'projections/mirror-sides.ts',
    find: "if (because === null) return { is: 'as-known' }",
    instead: "if (because !== '') return { is: 'as-known' }",
    seenBy: /./,
    faults: /power|backup|restore|operator/,
  },
  {
    name: 'a write is acknowledged before the log knows of the break',
    rule: 'mirror.md: break goes through the log',
    file: 'mirror/engine/active.ts',
    find: 'this.#parts.breaking.begin(because)',
    instead: `this.#becomeAlone(because)
    this.#parts.breaking.begin(because)`,
    seenBy: lost,
    faults: /silent log|cut$|kill mirror/,
  },
  {
    name: 'anybody may record a break',
    rule: 'mirror.md: break goes through the log',
    file: 'decisions/break-mirror.ts',
    find: 'if (objection !== null) return objection',
    instead: '',
    from: 12,
    seenBy: /./,
    faults: /pause a process|cut$|freeze/,
    also: [
      {
        file: 'decisions/break-mirror.ts',
        find: 'if (mirror.stale === current)',
        instead: 'if (mirror.stale === current && generation.length === 0)',
      },
    ],
  },
  {
    name: 'what is written alone is not marked',
    rule: 'mirror.md: break goes through the log',
    file: 'mirror/engine/writes.ts',
    find: "if (this.#port.pair() === 'alone') for (const range of ranges) this.#addDirty(range)",
    instead: '',
    seenBy: lost,
    plan: wide,
    faults: /power|cut/,
  },
  {
    name: 'what is written alone is marked in memory only, when its regions are forgotten',
    rule: 'mirror.md: break goes through the log',
    file: 'mirror/engine/intents.ts',
    find: `this.#partition.dirty.store()
    this.#flushedBelow`,
    instead: 'this.#flushedBelow',
    from: 10,
    seenBy: lost,
    plan: wide,
    faults: /power|midst|kill mirror/,
  },
  {
    name: 'a stale copy may be given the group',
    rule: 'mirror.md: the stale side cannot be activated',
    file: 'decisions/mirror-fitness.ts',
    find: 'if (mirror.stale === server) return staleness(mirror, server)',
    instead: 'if (mirror.stale === server) return null',
    also: [
      {
        file: 'decisions/mirror-agent.ts',
        find: 'const isCurrent = mirror.stale !== server',
        instead: 'const isCurrent = true',
      },
    ],
    seenBy: /./,
    faults: /power$|cut$|bad link|kill mirror/,
  },
  {
    name: 'a copy that is being brought up calls itself consistent',
    rule: 'mirror.md: the stale side is inconsistent',
    file: 'mirror/engine/standby.ts',
    find: 'partition.save({ ...partition.state, isConsistent: false, copyOf: name })',
    instead: 'partition.save({ ...partition.state, copyOf: name })',
    seenBy: /./,
    faults: /power|during resync|kill mirror/,
  },
  {
    name: 'a machine that followed and was restarted may serve',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/activation.ts',
    find: "if (isDoubtful && state.role === 'standby' && state.boot !== boot)",
    instead: "if (isDoubtful && state.role === 'standby' && state.boot === '')",
    also: [
      {
        file: 'decisions/mirror-fitness.ts',
        find: "if (seen.role === 'standby' && !seen.isSameBoot)",
        instead: "if (seen.role === 'standby' && seen.boot === '')",
      },
    ],
    seenBy: /./,
    faults: /power|midst/,
  },
  {
    name: 'the marks of the side that returns are not copied',
    rule: 'mirror.md: resync copies dirty and intent regions',
    file: 'mirror/engine/bring-up.ts',
    find: 'Math.max(0, Math.min(count, length - first))',
    instead: '0',
    from: 8,
    seenBy: lost,
    plan: wide,
    faults: /power$|midst|kill mirror/,
  },
  {
    name: 'two sides are called equal though the other may have forgotten',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/meeting.ts',
    find: 'if (isWhole && (side.isSameSession || side.isFresh))',
    instead: 'if (isWhole)',
    seenBy: lost,
    faults: /power$|midst|kill mirror/,
  },
  {
    name: 'the name of a content is not saved before the log hears of it',
    rule: 'mirror.md: generation',
    file: 'mirror/engine/break.ts',
    find: 'generations: { ...generations, pending: next } })',
    instead: 'generations })',
    from: 12,
    seenBy: /./,
    faults: /midst|power$|cut$|kill mirror/,
  },
  {
    name: 'it is read before the log has confirmed the copy',
    rule: 'mirror.md: start degraded',
    file: 'mirror/engine/active.ts',
    find: 'if (this.#heldBack.take(burst)) return',
    instead: '',
    also: [
      {
        file: 'agents/mirror/hindrance.ts',
        find: "if (status.does === 'serve' && mirror.epoch === epoch) return null",
        instead: "if (status.does === 'serve') return null",
      },
    ],
    seenBy: /./,
  },
  {
    name: 'a flush is done when this side has flushed',
    rule: 'step 4: FLUSH goes to both sides',
    file: 'mirror/engine/writes.ts',
    find: 'if (isDone) for (const settle of one.settles) settle(null)',
    instead: "if (isDone || one.kind === 'flush') for (const settle of one.settles) settle(null)",
    seenBy: /./,
    faults: /power$|midst|cut/,
  },
  {
    name: 'a write is done when this side has it',
    rule: 'step 5: complete when both have it',
    file: 'mirror/engine/writes.ts',
    find: "const isQueued = this.#port.mode === 'async' && !this.#port.isBreaking() && this.#port.isAttached()",
    instead: 'const isQueued = !this.#port.isBreaking() && this.#port.isAttached()',
    seenBy: lost,
  },
  {
    name: 'what was in flight is not sent again',
    rule: 'mirror.md, step 5: complete when both have it',
    file: 'mirror/engine/reunion.ts',
    find: '    send(frames)\n',
    instead: '',
    seenBy: lost,
    plan: { connects: ['cross', 'lan'], writesEvery: [5, 40], mostOpen: 300, mode: 'sync' },
    faults: /cut$/,
  },
  ...mutantsInScenes,
]
