/** A rule broken on purpose: a piece of the product's source is another while a child process simulates. */
import type { ClusterPlan } from '../../../src/sim/plan.ts'

export type Edit = {
  /** Below `src`. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly instead: string
}

export type Mutant = Edit & {
  /** What is broken, as a sentence. */
  readonly name: string
  /** Where the rule stands: `liveness.md rule 3`. */
  readonly rule: string
  /** Where the same rule stands once more: what is guarded twice has to be broken twice. */
  readonly also?: readonly Edit[]
  /** The invariant that sees it: its name, or the begin of what it says. */
  readonly seenBy: RegExp
  /** What makes it show early; the swarm draws the rest. */
  readonly plan?: Partial<ClusterPlan>
  /** What chance shows too rarely: these steps of a scenario (docs/simulation.md) in place of seeds, and what they expect. */
  readonly scene?: readonly Readonly<Record<string, string>>[]
  /** The first seed that is tried: the one that saw it, or shortly before. */
  readonly from?: number
  /** Only faults of these names, often; all that the swarm draws when not given. */
  readonly faults?: RegExp
}
