/** R5: a mirror disk. Its control side is there (docs/mirror.md); what serves and mounts it on a server is not yet. */
import type { MirrorConfiguration } from '../../events/index.ts'
import type { ResourceDriver } from './driver.ts'
import { failure } from './outcome.ts'

/** Honest until the data plane is driven from here: nothing is ever active, so nothing can be lost. */
export const mirrorDriver = (): ResourceDriver<MirrorConfiguration> => ({
  activate: async () => failure('mirror disks cannot be activated by this version yet'),
  deactivate: async () => ({ ok: true }),
  probe: async () => 'off',
})
