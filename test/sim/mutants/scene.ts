/** Scenes of mutants: two servers and a witness, group `web` at home on s1, everything online; then the mutant's steps. */

import { configurationOf, sourceOf } from '../../../src/sim/plan.ts'
import { play } from '../../../src/sim/scenario/play.ts'
import { readScenario } from '../../../src/sim/scenario/read.ts'
import { vocabularyOf } from '../../../src/sim/scenario/sentences.ts'
import { usualPlan } from '../clusters.ts'
import type { Mutant } from './mutant.ts'

/** What was not as the scene expects; null = all was. */
export const sceneFailure = async ({ scene = [], plan, name }: Mutant): Promise<string | null> => {
  const whole = { ...usualPlan, ...plan }
  const configuration = configurationOf(whole)
  const read = readScenario(JSON.stringify({ steps: scene }))
  const script = read.ok ? read.value.inWordsOf(vocabularyOf(configuration)) : read
  if (!script.ok) throw new Error(`${name}: ${script.problems.map(({ message }) => message).join('; ')}`)
  const { failures } = await play({ script: script.value, configuration, source: sourceOf(whole), seed: 1 })
  return failures[0] ?? null
}
