/** What a failed run tells: seed, cluster, faults, what happened, why each group is where it is, and how to see it again. */
import { groupName } from '../events/index.ts'
import { tellStory } from '../projections/story.ts'
import { sourceOf } from './plan.ts'
import type { Moment, Simulation } from './simulation.ts'
import type { Scenario } from './swarm.ts'

/** What came last is what matters. */
const shownMoments = 150

/** `again`: the command that runs it once more; null where there is none. */
export const reportOf = (
  sim: Simulation,
  { seed, plan, faults, everyMs }: Scenario,
  { failure, again }: { readonly failure: string; readonly again: string | null },
): string =>
  [
    `seed ${seed} after ${time(sim.now)} of virtual time: ${failure}`,
    ...(again === null ? [] : [`again:   ${again}`]),
    `cluster: ${JSON.stringify({ ...plan, source: undefined })}`,
    `heartbeat: ${JSON.stringify(sim.configuration.heartbeat)}`,
    `faults, one in ${Math.round(everyMs)} ms: ${faults.map(({ name }) => name).join(', ')}`,
    '',
    ...sim.history.slice(-shownMoments).map(momentLine),
    '',
    ...plan.groups.flatMap(({ name }) => whyLines(sim, name)),
    plan.source === undefined ? '' : sourceOf(plan),
  ].join('\n')

export const momentLine = ({ at, kind, text }: Moment): string => `${time(at).padStart(12)}  ${kind.padEnd(6)}  ${text}`

const time = (ms: number): string => `${(ms / 1000).toFixed(4)} s`

const whyLines = (sim: Simulation, group: string): readonly string[] => {
  const telling = tellStory(sim.state, sim.commits, groupName(group))
  if (!('story' in telling)) return [`why ${group}: ${JSON.stringify(telling)}`]
  const { headline, steps, later } = telling.story
  return [
    `why ${group}: ${headline}`,
    ...[...steps, ...later].map(({ sequence, by, what }) => `   #${sequence} ${by}: ${what.join('; ')}`),
  ]
}
