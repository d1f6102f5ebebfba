/** The world that the processes of a joint simulation have. */
import type { SimulatedProcess } from '../../../src/sim/process.ts'
import { simulatedWorld } from '../../../src/sim/world.ts'
import type { World } from '../../../src/world/world.ts'

export const worldOf = (process: SimulatedProcess): World =>
  simulatedWorld(process, {
    post: { bind: () => () => {}, send: () => {} },
    reset: () => {},
    told: () => {},
    // cast: neither an agent of this simulation nor a data plane touches them
    around: { network: {}, http: {}, serialLines: {}, rawDisks: {} } as never,
    command: () => null,
  })
