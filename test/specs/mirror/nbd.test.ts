import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import type { BlockRequest, Engine } from '../../../src/mirror/engine-interface.ts'
import { type NbdExport, Negotiation } from '../../../src/mirror/nbd/negotiation.ts'
import { Transmission } from '../../../src/mirror/nbd/transmission.ts'
import { plainEngine } from '../../../src/mirror/plain-engine.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'

const mebi = 1_048_576

const exportOf = (engine: Engine, readOnly = false): NbdExport => ({ engine, description: 'a disk', readOnly })

type Sent = { readonly kind: number; readonly cookie?: number; readonly at?: number; readonly length?: number }
const requestOf = ({ kind, cookie = 1, at = 0, length = 0 }: Sent, flags = 0): Buffer => {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(0x25609513, 0)
  bytes.writeUInt16BE(flags, 4)
  bytes.writeUInt16BE(kind, 6)
  bytes.writeBigUInt64BE(BigInt(cookie), 8)
  bytes.writeBigUInt64BE(BigInt(at), 16)
  bytes.writeUInt32BE(length, 24)
  return bytes
}
const [read, write, disconnect, flush, trim, writeZeroes] = [0, 1, 2, 3, 4, 6]
const writeOf = (at: number, bytes: Buffer, cookie = 1) =>
  Buffer.concat([requestOf({ kind: write, cookie, at, length: bytes.length }), bytes])

/** A client that says what it is told to and keeps what it hears. */
class Client {
  readonly #waiting: (() => void)[] = []
  readonly answers: Buffer[] = []
  ended = false
  isReady = true
  readonly transmission: Transmission

  constructor(found: NbdExport) {
    this.transmission = new Transmission(found, {
      send: (bytes, written) => {
        this.answers.push(Buffer.from(bytes))
        this.#waiting.push(written)
      },
      ready: () => {
        this.isReady = true
      },
      end: () => {
        this.ended = true
      },
    })
  }

  readonly say = (...bytes: readonly Buffer[]): void => {
    for (const piece of bytes) this.isReady = this.transmission.receive(piece)
  }

  /** The client takes what waits for it. */
  readonly take = (): void => {
    for (const written of this.#waiting.splice(0)) written()
  }

  readonly errors = (): number[] => this.answers.map((answer) => answer.readUInt32BE(4))
}

const clientOf = (disk: SimulatedDisk, readOnly = false) => new Client(exportOf(plainEngine(disk), readOnly))

describe('what a client reads and writes', () => {
  test('what was written in one piece or byte by byte is read back', () => {
    const client = clientOf(new SimulatedDisk(mebi))
    const bytes = Buffer.alloc(4096, 'baton')
    client.say(writeOf(0, bytes))
    for (const byte of writeOf(8192, bytes)) client.say(Buffer.of(byte))
    client.say(requestOf({ kind: read, at: 0, length: 4096 }), requestOf({ kind: read, at: 8192, length: 4096 }))
    expect(client.errors()).toEqual([0, 0, 0, 0])
    expect(client.answers[2]?.subarray(16)).toEqual(bytes)
    expect(client.answers[3]?.subarray(16)).toEqual(bytes)
  })

  test('requests that came together reach the engine together, in order', () => {
    const bursts: string[][] = []
    const submit = (burst: readonly BlockRequest[]) => {
      bursts.push(burst.map((request) => request.do))
      for (const { settle } of burst) settle(null)
    }
    const client = new Client(exportOf({ size: mebi, blockBytes: 512, submit }))
    const bytes = Buffer.alloc(512)
    client.say(Buffer.concat([writeOf(0, bytes), requestOf({ kind: flush }), writeOf(512, bytes)]))
    expect(bursts).toEqual([['write', 'flush', 'write']])
  })

  test('a write with FUA is durable when it is answered, one without is not', () => {
    const disk = new SimulatedDisk(mebi)
    const client = clientOf(disk)
    client.say(
      requestOf({ kind: write, at: 0, length: 512 }, 1),
      Buffer.alloc(512, 1),
      writeOf(4096, Buffer.alloc(512, 2)),
    )
    disk.losePower(() => false)
    expect([disk.content[0], disk.content[4096]]).toEqual([1, 0])
  })

  test('trimmed and zeroed ranges read as zeros', () => {
    const disk = new SimulatedDisk(mebi)
    const client = clientOf(disk)
    client.say(writeOf(0, Buffer.alloc(8192, 9)))
    client.say(
      requestOf({ kind: trim, at: 0, length: 4096 }),
      requestOf({ kind: writeZeroes, at: 4096, length: 4096 }, 2),
    )
    expect(client.errors()).toEqual([0, 0, 0])
    expect(disk.content.every((byte) => byte === 0)).toBe(true)
  })

  test('a disk that fails is EIO, and the next request is served', () => {
    const disk = new SimulatedDisk(mebi)
    const client = clientOf(disk)
    disk.before = ({ at }) => {
      if (at === 0) throw new DiskTrouble('disk', 'read', 'bad sector')
    }
    client.say(requestOf({ kind: read, length: 512 }), requestOf({ kind: read, at: 512, length: 512 }))
    expect(client.errors()).toEqual([5, 0])
  })
})

test.each([
  ['a discard', trim],
  ['zeros', writeZeroes],
] as const)('%s of 4 GiB are done in pieces, answered once, and durable with the last', (_, kind) => {
  const asked: BlockRequest[] = []
  const engine: Engine = { size: 2 ** 40, blockBytes: 512, submit: (burst) => asked.push(...burst) }
  const client = new Client(exportOf(engine))
  client.say(requestOf({ kind, at: 4096, length: 2 ** 32 - 512 }, 1))
  return (async () => {
    let next = 4096
    for (let done = 0; done < asked.length; done++) {
      const one = asked[done]
      if (one?.do !== 'trim' && one?.do !== 'zero') throw new Error('something else was asked')
      expect([one.at, one.fua]).toEqual([next, one.at + one.length === 4096 + 2 ** 32 - 512])
      expect(one.length).toBeLessThanOrEqual(2 ** 26)
      next += one.length
      expect(client.errors()).toEqual([])
      one.settle(null)
      await Promise.resolve()
    }
    expect(asked.length).toBe(64)
    expect(client.errors()).toEqual([0])
  })()
})

describe('what a client must not ask', () => {
  const refused: readonly (readonly [string, Buffer, number])[] = [
    ['a read beyond the end', requestOf({ kind: read, at: mebi - 512, length: 1024 }), 22],
    ['a read from beyond every disk', requestOf({ kind: read, at: 2 ** 60, length: 512 }), 22],
    ['a read of nothing', requestOf({ kind: read, at: 0, length: 0 }), 22],
    ['a read that is longer than agreed', requestOf({ kind: read, at: 0, length: 2 ** 31 }), 22],
    ['a read off the block boundary', requestOf({ kind: read, at: 1, length: 512 }), 22],
    ['a write beyond the end', writeOf(mebi, Buffer.alloc(512)), 28],
    ['a write of half a block', writeOf(0, Buffer.alloc(100)), 22],
    ['zeros beyond the end', requestOf({ kind: writeZeroes, at: mebi, length: 512 }), 28],
    ['a trim beyond the end', requestOf({ kind: trim, at: mebi, length: 512 }), 22],
    ['a flush of a range', requestOf({ kind: flush, at: 512, length: 512 }), 22],
    ['a command that is none', requestOf({ kind: 77, at: 0, length: 512 }), 22],
    ['a flag that was not offered', requestOf({ kind: read, at: 0, length: 512 }, 4), 22],
  ]
  test.each(refused)('%s is refused, and the connection goes on', (_what, bytes, errno) => {
    const client = clientOf(new SimulatedDisk(mebi))
    client.say(bytes, requestOf({ kind: read, at: 0, length: 512 }))
    expect(client.errors()).toEqual([errno, 0])
  })

  test('a read-only export refuses every change and keeps its content', () => {
    const disk = new SimulatedDisk(mebi)
    const client = clientOf(disk, true)
    client.say(writeOf(0, Buffer.alloc(512, 1)), requestOf({ kind: trim, length: 512 }))
    client.say(requestOf({ kind: writeZeroes, length: 512 }), requestOf({ kind: read, length: 512 }))
    expect(client.errors()).toEqual([1, 1, 1, 0])
    expect(disk.content[0]).toBe(0)
  })

  test('a payload larger than agreed ends the connection: nobody knows where the next request begins', () => {
    const client = clientOf(new SimulatedDisk(mebi))
    client.say(requestOf({ kind: write, at: 0, length: 2 ** 31 }))
    expect(client.errors()).toEqual([22])
    client.take()
    expect(client.ended).toBe(true)
  })

  test('bytes that are no request end the connection after what came before was answered', () => {
    const client = clientOf(new SimulatedDisk(mebi))
    client.say(Buffer.concat([writeOf(0, Buffer.alloc(512)), Buffer.alloc(64, 'GET / HTTP/1.1')]))
    expect(client.ended).toBe(false)
    client.take()
    expect([client.errors(), client.ended]).toEqual([[0], true])
  })
})

describe('limits', () => {
  test('a client that takes no answers is not read from, and goes on when it does', () => {
    const client = clientOf(new SimulatedDisk(mebi))
    const reads = Array.from({ length: 200 }, (_, cookie) => requestOf({ kind: read, cookie, at: 0, length: mebi }))
    client.say(Buffer.concat(reads))
    expect(client.isReady).toBe(false)
    expect(client.answers.length).toBeLessThanOrEqual(16)
    while (!client.isReady) client.take()
    client.take()
    expect(client.answers.map((answer) => Number(answer.readBigUInt64BE(8)))).toEqual(reads.map((_, cookie) => cookie))
  })

  test('requests under way are limited as well', () => {
    const held: BlockRequest[] = []
    const client = new Client(exportOf({ size: mebi, blockBytes: 512, submit: (burst) => held.push(...burst) }))
    client.say(Buffer.concat(Array.from({ length: 5000 }, () => requestOf({ kind: flush }))))
    expect([held.length, client.isReady]).toEqual([1024, false])
  })

  test('a goodbye waits for what is under way', () => {
    const held: BlockRequest[] = []
    const client = new Client(exportOf({ size: mebi, blockBytes: 512, submit: (burst) => held.push(...burst) }))
    client.say(requestOf({ kind: flush }), requestOf({ kind: disconnect }))
    expect(client.ended).toBe(false)
    for (const { settle } of held) settle(null)
    client.take()
    expect(client.ended).toBe(true)
  })
})

describe('any bytes', () => {
  test('never make it throw, and never touch a disk beyond its end', () => {
    const kinds = fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 9)
    const request = fc
      .record({ kind: kinds, at: fc.oneof(fc.nat(2 * mebi), fc.nat(2 ** 40)), length: fc.nat(4096), flags: fc.nat(15) })
      .map(({ flags, ...sent }) => requestOf(sent, flags))
    const piece = fc.oneof(
      request,
      fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const client = clientOf(new SimulatedDisk(mebi))
        for (const bytes of pieces) client.say(bytes)
        client.take()
      }),
      { numRuns: 200 },
    )
  })

  test('never make the negotiation throw or keep more than an option', () => {
    const exports = new Map([['', exportOf(plainEngine(new SimulatedDisk(mebi)))]])
    const optionOf = (kind: number, data: Buffer) => {
      const header = Buffer.alloc(16)
      header.writeBigUInt64BE(0x49484156454f5054n, 0)
      header.writeUInt32BE(kind, 8)
      header.writeUInt32BE(data.length, 12)
      return Buffer.concat([header, data])
    }
    const bytesOf = fc.uint8Array({ maxLength: 9000 }).map((bytes) => Buffer.from(bytes))
    const piece = fc.oneof(
      fc.tuple(fc.nat(12), bytesOf).map(([kind, data]) => optionOf(kind, data)),
      bytesOf,
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const negotiation = new Negotiation(exports, () => undefined)
        for (const bytes of [Buffer.of(0, 0, 0, 3), ...pieces]) {
          if (negotiation.receive(bytes).state !== 'more') return
          expect(negotiation.rest().length).toBeLessThanOrEqual(8192 + 16)
        }
      }),
      { numRuns: 200 },
    )
  })
})
