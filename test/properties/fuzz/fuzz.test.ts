/** A few inputs for every place where bytes come in; `npm run fuzz` tries as many as one likes. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { targets } from './targets.ts'

const inputs = 150

describe('nothing that comes in crashes anything, or is believed without proof', () => {
  test.each(targets)('$name', ({ property }) => {
    fc.assert(property, { numRuns: inputs })
  })
})
