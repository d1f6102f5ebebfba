/** What runs on a server, written down: so that the next agent can adopt it, and the guardian can stop it. */
import { z } from 'zod'
import { decode, type ResourceConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'

const entrySchema = z.object({
  group: decode.group,
  resource: decode.resource,
  epoch: decode.epoch,
  since: decode.sequence,
  isUp: z.boolean(),
  configuration: z.custom<ResourceConfiguration>(
    (value) => typeof value === 'object' && value !== null && 'type' in value,
  ),
  environment: z.record(z.string(), z.string()),
  /** Rule 12: it may run on without a lease. Each epoch lives under one policy. */
  isKept: z.boolean().default(false),
})
/** `boot`: nothing of it runs after the machine has restarted. */
const manifestSchema = z.object({ boot: z.string(), running: z.array(entrySchema) })
export type ManifestEntry = z.infer<typeof entrySchema>

/** What runs on a server according to its manifest; null when it is there but cannot be read: then anything may run. */
export const readManifest = async (world: World, path: string): Promise<readonly ManifestEntry[] | null> => {
  const text = await world.files.read(path)
  if (text === null) return []
  try {
    const { boot, running } = manifestSchema.parse(JSON.parse(text))
    return boot === world.bootId() ? running : []
  } catch {
    return null
  }
}

/** Replaces the manifest; not durable, since nothing of it survives what would lose it. */
export const writeManifest = (world: World, path: string, running: readonly ManifestEntry[]): Promise<void> =>
  world.files.write(path, JSON.stringify({ boot: world.bootId(), running }))
