import type { World } from '../../world/world.ts'

/** So many random bytes, hexadecimal. */
export const randomHex = (world: Pick<World, 'random'>, bytes: number): string => {
  let text = ''
  while (text.length < bytes * 2) text += Buffer.from(world.random.id(), 'base64url').toString('hex')
  return text.slice(0, bytes * 2)
}
