/** The ways in which a disk can be reached on this machine: an NBD socket always, a block file where one is wanted. */
import type { World } from '../../world/world.ts'
import type { ServedFile } from '../fuse/serve.ts'
import type { NbdExport } from '../nbd/negotiation.ts'
import type { Ground } from './ground.ts'
import type { MirrorSettings } from './settings.ts'

export type FrontEnds = ServedFile
/** Nobody is served. */
export const noFrontEnds: FrontEnds = { close: () => {}, resized: () => {} }

/** `cutOff`: the block file was aborted from outside. @throws when one of them cannot be served; then neither is. */
export const openFrontEnds = async (
  { clock }: Pick<World, 'clock'>,
  ground: Ground,
  { nbd, blockFile }: MirrorSettings,
  exported: NbdExport,
  cutOff: (because: string) => void,
): Promise<FrontEnds> => {
  const stopNbd = await ground.serveNbd(clock, nbd, new Map([['', exported]]))
  if (blockFile === null) return { close: stopNbd, resized: () => {} }
  try {
    const file = ground.serveBlockFile(blockFile, exported, cutOff)
    return {
      close: () => {
        file.close()
        stopNbd()
      },
      // Clients of the NBD socket are told a size once, when they connect.
      resized: file.resized,
    }
  } catch (error) {
    stopNbd()
    throw error
  }
}
