/** The command that runs a seed of the tests, or of `npm run sim`, once more. */
import type { ClusterPlan } from '../../src/sim/plan.ts'
import type { Pace } from './speed.ts'

type Drawn = { readonly seed: number; readonly plan: Pick<ClusterPlan, 'pair' | 'groups'> }

/** What was wished beside the seed: a T, or the pace of `--speed`. */
export type Wished = { readonly timeoutMs?: number } | { readonly pace: Pace }

export const againCommand = ({ seed, plan }: Drawn, wished: Wished = {}): string => {
  const run = `npm run sim -- --seed ${seed} --runs 1`
  if ('pace' in wished) return `${run} --speed --timeout ${wished.pace.timeoutMs} --every ${wished.pace.everyMs}`
  const kinds = `${plan.pair ? ' --pairs' : ''}${plan.groups.some(({ mirror }) => mirror) ? ' --mirrors' : ''}`
  return `${run}${kinds}${wished.timeoutMs === undefined ? '' : ` --timeout ${wished.timeoutMs}`}`
}
