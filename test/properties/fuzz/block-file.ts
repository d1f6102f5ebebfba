/** What the kernel might ask of a block file, and what it never would. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { BlockFile } from '../../../src/mirror/fuse/block-file.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { requestOf } from '../../specs/mirror/fuse-kernel.ts'
import { noise, type Target, target } from './target.ts'

const diskBytes = 1_048_576
/** EPERM, ENOENT, EINVAL, ENOTDIR, ENOSPC, ENOSYS, EPROTO. Not EIO: that is what a range beyond the disk would end in. */
const refusals: ReadonlySet<number> = new Set([1, 2, 22, 20, 28, 38, 71])

const field = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 21n }),
  fc.nat({ max: 2048 }).map((n) => BigInt(n) * 512n),
)
const request = fc
  .tuple(
    fc.oneof(fc.constantFrom(15, 16, 20, 26, 43, 3, 4), fc.nat({ max: 60 })),
    fc.array(field, { maxLength: 70 }),
    fc.constantFrom(0, 0, 0, 1, 5),
  )
  .map(([code, fields, cut]) => {
    const payload = Buffer.alloc(fields.length * 8)
    for (const [index, value] of fields.entries()) payload.writeBigUInt64LE(value, index * 8)
    return requestOf({ do: 'other', code, payload: payload.subarray(0, Math.max(0, payload.length - cut)) })
  })

export const blockFileTargets: readonly Target[] = [
  target(
    'requests to the block file are answered once at most, and reach nothing beyond the disk',
    fc.array(fc.oneof(request, noise.map(Buffer.from)), { maxLength: 8 }),
    (requests) => {
      const answers: Buffer[] = []
      // The simulated disk fails beyond its end, and the engine says EIO then.
      const engine = plainEngine(new SimulatedDisk(diskBytes))
      new BlockFile({ engine, readOnly: false }, (reply) => answers.push(Buffer.from(reply))).receive(requests)
      assert.ok(answers.length <= requests.length)
      for (const answer of answers) {
        assert.equal(answer.readUInt32LE(0), answer.length)
        const error = -answer.readInt32LE(4)
        assert.ok(error === 0 || refusals.has(error), `error ${error}`)
      }
    },
  ),
]
