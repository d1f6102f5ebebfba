/** Finds out that a log server runs but stores nothing any more, and whether a restart would help. */
import { connectLog } from '../../events/jetstream-connection.ts'
import { frozenBecause } from '../../events/jetstream-health.ts'
import type { World } from '../../world/world.ts'
import { hostPort, localAddress, type VoterKit } from '../voter/voter-kit.ts'

const connectMs = 3000

/** Asks this machine's own log server; null = it stores, or does not answer, which is for others to judge. */
export const askIsFrozen = async (world: World, kit: VoterKit): Promise<string | null> => {
  try {
    const connection = await connectLog(world, {
      name: `health of ${kit.own.name}`,
      servers: [hostPort(localAddress(kit.own), kit.own.ports.log)],
      credentials: { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.system.seed },
      withinMs: connectMs,
    })
    try {
      return await frozenBecause(connection)
    } finally {
      await connection.close()
    }
  } catch {
    return null
  }
}

/** Enough for a log server to start with. */
const probe = '0'.repeat(4_194_304)

/** A restart on a disk that is still full would only cost the log server the reading that it still does. */
export const canStore = async ({ files }: World, directory: string): Promise<boolean> => {
  const path = `${directory}/space.probe`
  try {
    await files.writeDurably(path, probe)
    return true
  } catch {
    return false
  } finally {
    await files.remove(path).catch(() => {})
  }
}
