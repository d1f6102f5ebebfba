/** What is agreed with our own server before the kernel takes the socket over. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { understand, wish } from '../../../src/mirror/nbd/client.ts'
import { type NbdExport, Negotiation } from '../../../src/mirror/nbd/negotiation.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'

const mebi = 1_048_576
const exported = (readOnly: boolean): NbdExport => ({
  engine: plainEngine(new SimulatedDisk(mebi)),
  description: 'a disk',
  readOnly,
})
const saidBy = (exports: ReadonlyMap<string, NbdExport>): { readonly said: Buffer; readonly state: string } => {
  const answers: Buffer[] = []
  const { state } = new Negotiation(exports, (bytes) => answers.push(bytes)).receive(wish())
  return { said: Buffer.concat(answers), state }
}

describe('a client that speaks for the kernel', () => {
  test.each([
    ['may be written', false, 0b1_0110_1101],
    ['is exposed for a backup', true, 0b1_0110_1111],
  ])('learns size, blocks and flags of a disk that %s', (_, readOnly, flags) => {
    const { said, state } = saidBy(new Map([['', exported(readOnly)]]))
    expect(state).toBe('agreed')
    expect(understand(said)).toEqual({ sizeBytes: mebi, blockBytes: 512, flags })
  })

  test('understands nothing before all of it has come', () => {
    const { said } = saidBy(new Map([['', exported(false)]]))
    for (let length = 0; length < said.length; length++) expect(understand(said.subarray(0, length))).toBeNull()
  })

  test('says why there is no disk', () => {
    expect(understand(saidBy(new Map()).said)).toEqual({ refused: 'it refuses with 2147483654' })
    expect(understand(Buffer.alloc(64, 'SSH-2.0'))).toEqual({ refused: 'it does not speak NBD' })
  })

  test('does not fall over whatever is said', () => {
    const { said } = saidBy(new Map([['', exported(false)]]))
    const changed = fc.tuple(fc.nat(said.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(said)
      bytes[at] = byte
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }).map(Buffer.from), changed), (bytes) => {
        understand(bytes)
      }),
    )
  })
})
