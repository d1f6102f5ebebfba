/** A rule broken on purpose: a piece of the product's source is another while a child process simulates. */
import type { ClusterPlan } from '../../../src/sim/plan.ts'

export type Mutant = {
  /** What is broken, as a sentence. */
  readonly name: string
  /** Where the rule stands: `liveness.md rule 3`. */
  readonly rule: string
  /** Below `src`. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly instead: string
  /** The invariant that sees it: its name, or the begin of what it says. */
  readonly seenBy: RegExp
  /** What makes it show early; the swarm draws the rest. */
  readonly plan?: Partial<ClusterPlan>
  /** Only faults of these names, often; all that the swarm draws when not given. */
  readonly faults?: RegExp
}
