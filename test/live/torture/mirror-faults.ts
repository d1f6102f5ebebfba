/** What can happen to a mirror disk, drawn by chance; each undoes itself with what it answers. */
import type { Chance } from '../../properties/liveness/timeline.ts'
import type { MirrorCluster } from '../cluster/mirror-cluster.ts'

export type Undo = () => Promise<void>
export type MirrorFault = {
  readonly name: string
  readonly happen: (mirrored: MirrorCluster, chance: Chance) => Promise<Undo>
}

const nothing: Undo = async () => undefined
const sides = ['s1', 's2'] as const

const powerOff = async ({ cluster }: MirrorCluster, server: string): Promise<Undo> => {
  if (!cluster.host(server).isOn) return nothing
  await cluster.powerOff(server)
  return () => cluster.powerOn(server)
}

/** One that is down has no data plane; one that is being started anew has none yet. */
const signal = async (mirrored: MirrorCluster, server: string, what: NodeJS.Signals): Promise<void> => {
  if (mirrored.cluster.host(server).isOn) await mirrored.signalPlane(server, what).catch(() => undefined)
}

const yes = () => true
const no = () => false

const other = (server: string): string => (server === 's1' ? 's2' : 's1')

export const mirrorFaults: readonly MirrorFault[] = [
  {
    name: 'the active server is switched off',
    happen: async (mirrored) => powerOff(mirrored, (await mirrored.ownerNow()) ?? 's1'),
  },
  {
    name: 'the standby is switched off',
    happen: async (mirrored) => powerOff(mirrored, other((await mirrored.ownerNow()) ?? 's1')),
  },
  {
    name: 'both are switched off, one after the other',
    happen: async (mirrored, chance) => {
      const [first, second] = chance.happens(0.5) ? sides : sides.toReversed()
      const undos = [await powerOff(mirrored, first ?? 's1')]
      await mirrored.pause(chance.between(0, 3000))
      undos.push(await powerOff(mirrored, second ?? 's2'))
      return async () => {
        for (const undo of chance.happens(0.5) ? undos : undos.toReversed()) await undo()
      }
    },
  },
  {
    name: 'one network is cut',
    happen: async ({ cluster: { lab } }, chance) => {
      await lab.cut({ between: sides, network: chance.happens(0.5) ? 'interconnect' : 'public' })
      return () => lab.heal()
    },
  },
  {
    name: 'every network between the two is cut',
    happen: async ({ cluster: { lab } }) => {
      await lab.cut({ between: sides, network: 'both' })
      return () => lab.heal()
    },
  },
  ...sides.flatMap((server): MirrorFault[] => [
    {
      name: `the data plane of ${server} is killed`,
      happen: async (mirrored) => {
        await signal(mirrored, server, 'SIGKILL')
        return nothing
      },
    },
    {
      name: `the data plane of ${server} stands still`,
      happen: async (mirrored, chance) => {
        await signal(mirrored, server, 'SIGSTOP')
        await mirrored.pause(chance.between(0, 4000))
        return () => signal(mirrored, server, 'SIGCONT')
      },
    },
    {
      name: `the agent of ${server} is killed`,
      happen: async ({ cluster }) => {
        // One that has not reached its guardian yet would be started again by the service manager, which hosts lack.
        const isGuarded = cluster.host(server).isOn && (await cluster.status(server).then(yes, no))
        if (isGuarded) await cluster.signal(server, 'agent', 'SIGKILL').catch(() => undefined)
        return nothing
      },
    },
  ]),
  {
    name: 'the group is moved',
    happen: async (mirrored) => {
      const owner = await mirrored.ownerNow()
      if (owner === null || !mirrored.cluster.host(owner).isOn) return nothing
      // Refused where the other side is not current: then nothing happens.
      await mirrored.cluster.baton(owner, ['group', 'move', 'db', '--to', other(owner)]).catch(() => undefined)
      return nothing
    },
  },
]
