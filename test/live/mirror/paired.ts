/** Two data planes that have met, with the same content on both. */
import { expect } from 'vitest'
import { until } from '../lab/until.ts'
import { activation, type Plane } from './plane.ts'

const pairMs = 60_000

/** Of the content that both sides begin with. */
export const generation = '1'.repeat(16)

/** Both are known to be equal from the start; alpha serves. */
export const pairUp = async (alpha: Plane, beta: Plane, dataBytes: number): Promise<void> => {
  const format = { do: 'format', generation, dataBytes, blockBytes: 65_536, regionBytes: 4_194_304, discard: 'any' }
  for (const plane of [alpha, beta]) expect(await plane.order(format)).toMatchObject({ say: 'done' })
  expect(await beta.order({ do: 'follow' })).toMatchObject({ say: 'done' })
  expect(await alpha.order({ ...activation, epoch: 1, generation })).toMatchObject({ say: 'done' })
  await until(() => alpha.condition() === 'paired', pairMs, 'both sides to meet')
}
