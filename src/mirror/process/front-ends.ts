/** The ways in which a disk can be reached on this machine: an NBD socket always, a block file where one is wanted. */
import type { Cancel, World } from '../../world/world.ts'
import type { NbdExport } from '../nbd/negotiation.ts'
import type { Ground } from './ground.ts'
import type { MirrorSettings } from './settings.ts'

/** `cutOff`: the block file was aborted from outside. @throws when one of them cannot be served; then neither is. */
export const openFrontEnds = async (
  { clock }: Pick<World, 'clock'>,
  ground: Ground,
  { nbd, blockFile }: MirrorSettings,
  exported: NbdExport,
  cutOff: (because: string) => void,
): Promise<Cancel> => {
  const stopNbd = await ground.serveNbd(clock, nbd, new Map([['', exported]]))
  if (blockFile === null) return stopNbd
  try {
    const stopFile = ground.serveBlockFile(blockFile, exported, cutOff)
    return () => {
      stopFile()
      stopNbd()
    }
  } catch (error) {
    stopNbd()
    throw error
  }
}
