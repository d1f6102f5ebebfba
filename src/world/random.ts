import { randomBytes } from 'node:crypto'
import type { Random } from './world.ts'

// 128 bits: two ids of all clusters together never meet.
const idBytes = 16

/** The kernel's randomness for ids; V8's for what only needs to be spread. */
export const realRandom: Random = {
  id: () => randomBytes(idBytes).toString('base64url'),
  fraction: () => Math.random(),
}
