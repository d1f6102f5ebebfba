/** Changes as they travel: in chunks, each under its own header. */
import type { Disk } from '../disk.ts'
import type { BlockRequest } from '../engine-interface.ts'
import { type Frame, frame, maxPayloadBytes } from '../peer/frame.ts'
import type { Begun } from './in-flight.ts'

export type Change = Exclude<BlockRequest, { do: 'read' | 'flush' }>
export const isChange = (one: BlockRequest): one is Change => one.do !== 'read' && one.do !== 'flush'

/** With bytes of its own: those of a burst are lent for the call only. */
export const keepable = (one: BlockRequest): BlockRequest =>
  one.do === 'write' ? { ...one, bytes: Uint8Array.from(one.bytes) } : one

export const lengthOf = (one: Change): number => (one.do === 'write' ? one.bytes.length : one.length)

export const framesOf = (one: Change): Frame[] => {
  if (one.do === 'write') return chunksOf(one.at, one.bytes.length, (from, to) => one.bytes.subarray(from, to))
  const mayUnmap = one.do === 'trim' || one.mayUnmap
  return [frame(mayUnmap ? 'trim' : 'zero', { at: one.at, length: one.length, mayUnmap })]
}

/** What was sent before over a connection that was lost, as it is on disk by now, or in memory. @throws DiskTrouble */
export const framesOfCopy = ({ kind, at, length, mayUnmap, bytes }: Begun, data: Disk): Frame[] => {
  if (kind !== 'write' && kind !== 'trim' && kind !== 'zero') return [frame('flush')]
  if (kind !== 'write') return [frame(mayUnmap ? 'trim' : 'zero', { at, length, mayUnmap })]
  return chunksOf(at, length, (from, to) => {
    if (bytes) return bytes.subarray(from, to)
    const payload = new Uint8Array(to - from)
    data.read(at + from, payload)
    return payload
  })
}

const chunksOf = (at: number, length: number, bytes: (from: number, to: number) => Uint8Array): Frame[] => {
  const chunks: Frame[] = []
  for (let from = 0; from < length; from += maxPayloadBytes) {
    const payload = bytes(from, Math.min(length, from + maxPayloadBytes))
    chunks.push(frame('write', { at: at + from, length: payload.length, payload }))
  }
  return chunks
}

export const withoutFua = <T extends BlockRequest>(one: T): T => ('fua' in one ? { ...one, fua: false } : one)
