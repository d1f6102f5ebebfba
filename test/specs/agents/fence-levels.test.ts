/** The levels of one fence, by commands: in order, and no further than they are wanted. */
import { expect, test } from 'vitest'
import { fencer } from '../../../src/agents/fencing/fence.ts'
import { storedConfiguration } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

const { fencing } = storedConfiguration.parse({
  cluster: 'test',
  servers: [{ name: 's1', addresses: { lan: '10.0.0.1' } }],
  fencing: {
    devices: { bmc: { type: 'command', off: 'bmc' }, pdu: { type: 'command', off: 'pdu' } },
    levels: { s1: [['bmc'], ['pdu']] },
  },
})

/** The first device fails. */
const fence = async (isWanted: () => boolean) => {
  const { world } = new VirtualWorld()
  const ordered: string[] = []
  const own = {
    ...world,
    files: { ...world.files, makeDirectory: async () => {}, write: async () => {}, writeDurably: async () => {} },
    processes: {
      ...world.processes,
      run: async (_command: readonly string[], { environment }: { readonly environment?: Record<string, string> }) => {
        ordered.push(environment?.BATON_FENCE_DEVICE ?? '')
        const code = ordered.length === 1 ? 1 : 0
        return { code, signal: null, timedOut: false, stdout: '', stderr: 'no answer', elapsedMs: 1 }
      },
    },
  }
  const answer = await fencer(own, '/state').fence('s1', fencing, { signal: new AbortController().signal, isWanted })
  return { ordered, answer }
}

test('a level that fails is followed by the next', async () => {
  const { ordered, answer } = await fence(() => true)
  expect(ordered).toEqual(['bmc', 'pdu'])
  expect(answer).toMatchObject({ ok: true, level: 2 })
})

test('not once nobody wants it any more: the server has joined again, or this one has no lease', async () => {
  const { ordered, answer } = await fence(() => false)
  expect(ordered).toEqual(['bmc'])
  expect(answer).toMatchObject({
    ok: false,
    because: expect.stringMatching(/level 1: bmc: .*; level 2 and on: not ordered/),
  })
})
