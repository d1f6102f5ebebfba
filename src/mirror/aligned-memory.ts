/** Memory as direct I/O wants it: on a boundary. */
import { addressOf } from '../world/libc.ts'

/** Suits every disk, those with sectors of 4 KiB included. */
export const boundary = 4096

/** V8 does not move what is this large. */
export const alignedBytes = (length: number): Buffer<ArrayBuffer> => {
  const memory = Buffer.allocUnsafeSlow(length + boundary)
  const skip = (boundary - distanceOf(memory)) % boundary
  return memory.subarray(skip, skip + length)
}

/** Below this, copying costs less than asking where it lies. */
const worthAsking = 16_384
/** Asking C where memory lies costs as much as copying a page: once for each piece of it. */
const distances = new WeakMap<ArrayBufferLike, number>()

/** Known to lie on the boundary; false for what is too short to ask. */
export const isAligned = (bytes: Uint8Array): boolean => {
  if (bytes.length < worthAsking) return false
  let base = distances.get(bytes.buffer)
  if (base === undefined) {
    base = distanceOf(new Uint8Array(bytes.buffer))
    distances.set(bytes.buffer, base)
  }
  return (base + bytes.byteOffset) % boundary === 0
}

/** From the boundary before it. */
const distanceOf = (bytes: Uint8Array): number => Number(addressOf(bytes) % BigInt(boundary))
