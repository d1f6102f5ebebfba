/** Disks of a pair that fail, and what is read through it. */
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import type { BlockError } from '../../../src/mirror/engine-interface.ts'
import { blockBytes, MirrorPair, type Name, type PairOptions } from './mirror-pair.ts'

/** Reads of this block fail until it is written. */
export const badBlock = (pair: MirrorPair, name: Name, block: number): void => {
  const { data } = pair.servers[name]
  const bad = block * blockBytes
  data.before = ({ do: call, at, length }) => {
    if (at > bad || at + length <= bad) return
    if (call === 'write') data.before = () => undefined
    if (call === 'read') throw new DiskTrouble('disk', 'read', 'bad sector', { operation: 'read', at, length })
  }
}
/** Both have everything; block 5 is written and flushed. */
export const paired = async (options: PairOptions = {}): Promise<MirrorPair> => {
  const pair = new MirrorPair(options)
  await pair.pairUp()
  pair.write('alpha', 5, 77)
  pair.flush('alpha')
  await pair.virtual.pass(10)
  return pair
}

export const read = (pair: MirrorPair, block: number, count = 1) => {
  const outcome: { answer: BlockError | null | 'waits'; into: Uint8Array } = {
    answer: 'waits',
    into: new Uint8Array(count * blockBytes),
  }
  const settle = (error: BlockError | null): void => {
    if (outcome.answer !== 'waits') throw new Error('answered twice')
    outcome.answer = error
  }
  pair.active('alpha').submit([{ do: 'read', at: block * blockBytes, into: outcome.into, settle }])
  return outcome
}

/** From here on every write and every flush of this disk fails; reads give what is there. */
export const failWrites = (pair: MirrorPair, disk: 'data' | 'metadata' = 'data', name: Name = 'alpha'): void => {
  pair.servers[name][disk].before = ({ do: call, at, length }) => {
    if (call !== 'read') throw new DiskTrouble('disk', call, 'EIO', { operation: call, at, length })
  }
}
