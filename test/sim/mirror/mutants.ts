/**
 * Rules of a mirror, each broken on purpose: what joint simulations see. Not among them is what chance has not shown yet: a
 * write that is acknowledged while the break is being recorded, a break that anybody may record, sides called equal too
 * early, marks of the returning side left out, older epochs at the standby. Specs and test/properties/mirror.test.ts have these.
 */
import type { Mutant } from '../mutants/mutant.ts'
import type { JointPlan } from './joint-plan.ts'

export type MirrorMutant = Omit<Mutant, 'plan'> & { readonly plan?: Partial<JointPlan> }

/** Many small regions: marks are cleared long before everything was flushed anyway. */
const wide = { blocks: 320, regionBytes: 4096, writesEvery: [1, 12] } as const
const lost = /though .* was acknowledged|which was gone|differ/

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
    find: 'for (const block of markedBlocks(partition)) partition.dirty.add(block)',
    instead: '',
    seenBy: lost,
    faults: /power|midst|kill mirror/,
  },
  {
    name: 'what was acknowledged and not flushed is believed to be there after a power loss',
    rule: 'mirror.md: no ACK is believed beyond a power loss',
    file: 'mirror/engine/active.ts',
    find: 'for (const block of this.#writes.intents.unflushedBlocks()) this.#side.partition.dirty.add(block)',
    instead: '',
    seenBy: lost,
    faults: /power$|midst/,
  },
  {
    name: 'the content keeps its name at a break',
    rule: 'mirror.md: generation',
    file: 'mirror/engine/active.ts',
    find: 'generations: parted(partition.state.generations, generation)',
    instead: 'generations: { ...partition.state.generations, pending: null }',
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
]
