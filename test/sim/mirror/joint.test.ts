/** Two servers with a mirror disk through any faults: see joint.ts. */
import { expect, test } from 'vitest'
import { runJoint } from './seed.ts'

const timeoutMs = 180_000

// Seed 5: a copy that had handed over, and followed somebody who never served, could neither be activated nor forced.
test.each([1, 6, 11, 16])(
  'a mirror loses no acknowledged write, and becomes whole again: five seeds from %i',
  { timeout: timeoutMs },
  async (first) => {
    for (let seed = first; seed < first + 5; seed++) {
      const { failure, history } = await runJoint(seed)
      expect(failure, `seed ${seed}: ${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
    }
  },
)

// The data plane died while the first read of a mount waited for the log: whoever mounted it waited for ever.
test('a mount whose data plane dies ends, and the group goes on', { timeout: timeoutMs }, async () => {
  const { failure, history } = await runJoint(16, { faults: /power$|midst|kill mirror|freeze/ })
  expect(failure, `${failure}\n${history.slice(-40).join('\n')}`).toBeNull()
})
