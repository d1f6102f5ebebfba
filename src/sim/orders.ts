/** Orders of operators that do not go by the log: an agent is asked by itself. */
import type { Simulation } from './simulation.ts'

export const operator = 'operator:test'
/** How the record names the order of one who vouches that the other server of a pair is off. */
export const vouching = 'go alone'

/** `baton server hand-over`: everything is given away, by the server's own word. */
export const handOver = (sim: Simulation, server: string): boolean =>
  sim.ask(server, '/hand-over', { waitMs: 0 }, 'hand over')

/** `baton server go-alone`. */
export const goAlone = (sim: Simulation, server: string, waitMs: number): boolean =>
  sim.ask(server, '/alone', { by: operator, waitMs }, vouching)
