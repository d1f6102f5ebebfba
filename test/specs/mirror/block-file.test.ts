import { describe, expect, test } from 'vitest'
import type { BlockRequest, Engine } from '../../../src/mirror/engine-interface.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'
import { type Ask, Kernel } from './fuse-kernel.ts'

const mebi = 1_048_576
const errors = { EIO: 5, EINVAL: 22, ENOSPC: 28, ENOSYS: 38, EPROTO: 71, ENOTDIR: 20, EPERM: 1 }

const kernelOf = (disk: SimulatedDisk) => new Kernel(plainEngine(disk))
const page = Buffer.alloc(4096, 'baton')

describe('the block file', () => {
  test('introduces itself with a queue, long requests and direct I/O of many at once', () => {
    const [answer] = kernelOf(new SimulatedDisk(mebi)).ask({ do: 'init', major: 7, minor: 45 })
    expect(answer).toMatchObject({ error: 0 })
    const out = answer?.payload ?? Buffer.alloc(0)
    expect([out.readUInt32LE(0), out.readUInt16LE(16), out.readUInt32LE(20)]).toEqual([7, 64, mebi])
  })

  test('refuses a kernel that is too old', () => {
    const kernel = kernelOf(new SimulatedDisk(mebi))
    expect(kernel.ask({ do: 'init', major: 7, minor: 27 }, { do: 'init', major: 6, minor: 40 })).toMatchObject([
      { error: errors.EPROTO },
      { error: errors.EPROTO },
    ])
  })

  test('has the size of the disk, and reads what was written', () => {
    const kernel = kernelOf(new SimulatedDisk(mebi))
    expect(kernel.ask({ do: 'getattr' })[0]?.payload.readBigUInt64LE(24)).toBe(BigInt(mebi))
    const [written, read] = kernel.ask({ do: 'write', at: 8192, bytes: page }, { do: 'read', at: 8192, length: 4096 })
    expect(written?.payload.readUInt32LE(0)).toBe(4096)
    expect(read?.payload).toEqual(page)
  })

  test('a read that goes beyond the end is short, as of every file', () => {
    const kernel = kernelOf(new SimulatedDisk(mebi))
    const answers = kernel.ask({ do: 'read', at: mebi - 512, length: 4096 }, { do: 'read', at: mebi, length: 4096 })
    expect(answers.map(({ error, payload }) => [error, payload.length])).toEqual([
      [0, 512],
      [0, 0],
    ])
  })

  test('nothing is written off the blocks or beyond the end', () => {
    const disk = new SimulatedDisk(mebi)
    const kernel = kernelOf(disk)
    const answers = kernel.ask(
      { do: 'write', at: 1, bytes: page },
      { do: 'write', at: 512, bytes: page.subarray(1) },
      { do: 'write', at: mebi - 512, bytes: page },
      { do: 'write', at: 2 ** 60, bytes: page },
      { do: 'fallocate', at: mebi, length: 4096, mode: 3 },
      { do: 'fallocate', at: 0, length: 0, mode: 3 },
      { do: 'fallocate', at: 0, length: 4096, mode: 8 },
    )
    const { EINVAL, ENOSPC } = errors
    expect(answers.map(({ error }) => error)).toEqual([EINVAL, EINVAL, ENOSPC, ENOSPC, ENOSPC, EINVAL, EINVAL])
    expect(disk.content).toEqual(new Uint8Array(mebi))
  })

  test('what is exposed for a backup is read and not written', () => {
    const kernel = new Kernel(plainEngine(new SimulatedDisk(mebi)), true)
    const answers = kernel.ask(
      { do: 'read', at: 0, length: 4096 },
      { do: 'write', at: 0, bytes: page },
      { do: 'fallocate', at: 0, length: 4096, mode: 3 },
    )
    expect(answers.map(({ error }) => error)).toEqual([0, errors.EPERM, errors.EPERM])
  })

  test('discards, zeroes, and takes a reservation for granted', () => {
    const disk = new SimulatedDisk(mebi)
    const kernel = kernelOf(disk)
    kernel.ask({ do: 'write', at: 0, bytes: Buffer.alloc(16_384, 1) })
    const answers = kernel.ask(
      { do: 'fallocate', at: 0, length: 4096, mode: 3 },
      { do: 'fallocate', at: 8192, length: 4096, mode: 17 },
      { do: 'fallocate', at: 12_288, length: 4096, mode: 1 },
    )
    expect(answers.map(({ error }) => error)).toEqual([0, 0, 0])
    expect([0, 4096, 8192, 12_288].map((at) => disk.content[at])).toEqual([0, 1, 0, 1])
  })

  test('a discard of everything is done in pieces and answered once', async () => {
    const pieces: number[] = []
    const engine: Engine = {
      size: 2 ** 40,
      blockBytes: 512,
      submit: (burst) => {
        for (const one of burst) {
          if (one.do === 'trim') pieces.push(one.length)
          one.settle(null)
        }
      },
    }
    const kernel = new Kernel(engine)
    kernel.ask({ do: 'fallocate', at: 0, length: 2 ** 32 - 512, mode: 3 })
    await expect.poll(() => kernel.answers.length).toBe(1)
    expect(pieces.length).toBe(64)
    expect(pieces.reduce((sum, one) => sum + one)).toBe(2 ** 32 - 512)
  })

  test('a disk that fails says so, but never that it cannot discard: a loop device would believe it for good', () => {
    const engine: Engine = {
      size: mebi,
      blockBytes: 512,
      submit: (burst) => {
        for (const one of burst) one.settle('EOPNOTSUPP')
      },
    }
    const answers = new Kernel(engine).ask({ do: 'fsync' }, { do: 'fallocate', at: 0, length: 512, mode: 3 })
    expect(answers.map(({ error }) => error)).toEqual([errors.EIO, errors.EIO])
  })

  test('requests that came together reach the engine together, in order, each syncing what came before', () => {
    const bursts: string[][] = []
    const submit = (burst: readonly BlockRequest[]) => {
      bursts.push(burst.map((one) => one.do))
      for (const { settle } of burst) settle(null)
    }
    const kernel = new Kernel({ size: mebi, blockBytes: 512, submit })
    kernel.ask(
      { do: 'write', at: 0, bytes: page },
      { do: 'getattr' },
      { do: 'fsync' },
      { do: 'read', at: 0, length: 512 },
    )
    expect(bursts).toEqual([['write', 'flush', 'read']])
  })

  test('what a file cannot do is refused by name, and what needs no answer gets none', () => {
    const kernel = kernelOf(new SimulatedDisk(mebi))
    const other = (code: number): Ask => ({ do: 'other', code, payload: Buffer.alloc(64) })
    expect(kernel.ask(other(1), other(22), other(39), other(999)).map(({ error }) => error)).toEqual([
      errors.ENOTDIR,
      errors.ENOSYS,
      errors.ENOSYS,
      errors.ENOSYS,
    ])
    expect(kernel.ask(other(2), other(42), other(36))).toEqual([])
    const truncate = Buffer.alloc(88)
    truncate.writeUInt32LE(8)
    expect(kernel.ask({ do: 'other', code: 4, payload: truncate })).toMatchObject([{ error: errors.EPERM }])
  })
})
