/** The partitions of one mirror disk, on both servers. */
import type { Lab } from '../lab/lab.ts'
import type { LoopDevice } from '../lab/loop-device.ts'

export type MirrorDisks = Readonly<Record<string, { readonly data: LoopDevice; readonly metadata: LoopDevice }>>

export type MirrorDiskOptions = {
  readonly sizeMiB: number
  /** Of servers whose data partition is on a disk of another kind. */
  readonly dataOn?: Readonly<Record<string, LoopDevice>>
}

const metadataMiB = 8

export const attachMirrorDisks = async (lab: Lab, { sizeMiB, dataOn = {} }: MirrorDiskOptions): Promise<MirrorDisks> =>
  Object.fromEntries(
    await Promise.all(
      ['s1', 's2'].map(async (server) => {
        const data = dataOn[server] ?? (await lab.loopDevice({ sizeMiB }))
        return [server, { data, metadata: await lab.loopDevice({ sizeMiB: metadataMiB }) }] as const
      }),
    ),
  )

/** As the resource `md` names them. */
export const partitionsOf = (disks: MirrorDisks) => {
  const devices = (kind: 'data' | 'metadata') =>
    Object.fromEntries(Object.entries(disks).map(([server, held]) => [server, held[kind].device]))
  return { dataPartition: devices('data'), clusterPartition: devices('metadata') }
}
