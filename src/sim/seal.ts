/** What stands for secrets here: nobody forges, but what is damaged must be noticed. */
import { hash as digestOf } from 'node:crypto'
import { clusterKeyBytes } from '../agents/voter/voter-kit.ts'
import { hash } from '../events/index.ts'
import type { World } from '../world/world.ts'

/** The same in every kit. */
export const clusterKey: Uint8Array = new Uint8Array(clusterKeyBytes).fill(7)

const checksumBytes = 32

/** Stands for the HMAC. */
const checksum = (key: Uint8Array, bytes: Uint8Array): Uint8Array => {
  let digest = key[0] ?? 0
  for (let at = 0; at < bytes.length; at++) digest = Math.imul(digest ^ (bytes[at] ?? 0), 0x01000193)
  return new Uint8Array(checksumBytes)
    .fill(digest >>> 24)
    .fill(digest >>> 8, 0, 16)
    .fill(digest, 0, 8)
}

export const seal: Pick<World, 'digest' | 'authenticate'> = {
  digest: (bytes) => hash(digestOf('sha256', bytes, 'base64url')),
  authenticate: checksum,
}
