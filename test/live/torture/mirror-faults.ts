/** What can happen to a mirror disk; each undoes itself with what it answers. */
import type { Chance } from '../../properties/liveness/timeline.ts'
import { type MirrorCluster, mirror, mirrorMs, mountPoint } from '../cluster/mirror-cluster.ts'
import type { Role } from '../cluster/voter-processes.ts'
import { until } from '../lab/until.ts'
import { memoryGroup, memoryHierarchy } from '../mirror/memory-group.ts'

export type Undo = () => Promise<void>
export type MirrorFault = {
  readonly name: string
  /** It ends with a copy of everything, or may. */
  readonly copiesAll?: true
  /** It begins once everything is well: what came before it is undone first. */
  readonly needsWell?: true
  /** Writes where the file system uses nothing in the end. */
  readonly writesAnywhere?: true
  /**
   * Agent or guardian of this server: not promised without a watchdog when both are gone at once (GUARANTEES.md 1). Nobody is
   * left then who ends what runs when the lease is over, and these hosts have no service manager that starts either again.
   */
  readonly takes?: { readonly server: string; readonly part: 'agent' | 'guardian' }
  readonly happen: (mirrored: MirrorCluster, chance: Chance) => Promise<Undo>
}

const nothing: Undo = async () => undefined
const sides = ['s1', 's2'] as const

const powerOff = async ({ cluster }: MirrorCluster, server: string): Promise<Undo> => {
  if (!cluster.host(server).isOn) return nothing
  await cluster.powerOff(server)
  // Another fault may have needed it.
  return async () => {
    if (!cluster.host(server).isOn) await cluster.powerOn(server)
  }
}

/** One that is down has no data plane; one that is being started anew has none yet. */
const signal = async (mirrored: MirrorCluster, server: string, what: NodeJS.Signals): Promise<void> => {
  if (mirrored.cluster.host(server).isOn) await mirrored.signalPlane(server, what).catch(() => undefined)
}

const yes = () => true
const no = () => false

/** Its agent runs, and answers; its guardian with it, since it starts one before it runs anything. */
const isGuarded = async ({ cluster }: MirrorCluster, server: string): Promise<boolean> =>
  cluster.host(server).isOn && (await cluster.status(server).then(yes, no))

/** What stands still goes on with what is answered, if nobody has replaced it. */
const standStill = async (mirrored: MirrorCluster, server: string, role: Role): Promise<Undo> => {
  if (!(await isGuarded(mirrored, server))) return nothing
  const pid = await mirrored.cluster.signal(server, role, 'SIGSTOP').catch(() => null)
  return async () => {
    try {
      if (pid !== null) process.kill(pid, 'SIGCONT')
    } catch {
      // It has ended.
    }
  }
}

/** What an operator orders; refused where it is not possible now: false, and then nothing happens. */
const order = async (mirrored: MirrorCluster, ...args: readonly string[]): Promise<boolean> => {
  const owner = (await mirrored.ownerNow()) ?? 's1'
  if (!mirrored.cluster.host(owner).isOn) return false
  const done = mirrored.cluster.baton(owner, ['mirror', ...args], { timeoutMs: 30_000 })
  return done.then(({ code }) => code === 0, no)
}

/** Both are on, one serves and the other has everything: what a change of disks begins with. */
const standbyWhenWell = async (mirrored: MirrorCluster): Promise<string> => {
  for (const server of sides) if (!mirrored.cluster.host(server).isOn) await mirrored.cluster.powerOn(server)
  await mirrored.cluster.lab.heal()
  await mirrored.waitUntilWell()
  return other(await mirrored.owner())
}

/** As a technician does it: out with the old disk of a server that is off, in with an empty one. */
const replaceDisk = async (mirrored: MirrorCluster): Promise<void> => {
  const server = await standbyWhenWell(mirrored)
  await mirrored.cluster.powerOff(server)
  await mirrored.waitUntilBroken()
  await mirrored.wipe(server)
  await mirrored.cluster.powerOn(server)
  // A copy without metadata is made anew by itself where nothing else could be meant: that may come first.
  const replaced = async () => {
    const order = ['mirror', 'replace-disk', mirror, server, '--yes']
    const { code } = await mirrored.cluster.baton(await mirrored.owner(), order)
    return code === 0 || (await mirrored.mirror())?.stale === null
  }
  await until(replaced, mirrorMs, `the disk of ${server} to be taken in`)
  await mirrored.waitUntilWhole()
}

/** On a busy machine an agent may have to come back first. */
const taken = ({ cluster }: MirrorCluster, on: string, ...args: readonly string[]): Promise<void> =>
  cluster.doSoon(on, ['group', ...args], mirrorMs)

const other = (server: string): string => (server === 's1' ? 's2' : 's1')

/** More than the writer needs, and less than a disk has: what is queued, and a copy under way, take their time. */
const leastMbit = 4
const mostMbit = 40

/** What both servers send over the interconnect, which the mirror prefers, goes no faster. */
const slowConnect = async ({ cluster }: MirrorCluster, mbit: number): Promise<Undo> => {
  const shape = async (server: string, ...what: readonly string[]): Promise<void> => {
    if (!cluster.host(server).isOn) return
    // A kernel without it, or a server that has been switched off meanwhile, is as fast as ever.
    await cluster
      .host(server)
      .run(['tc', 'qdisc', ...what])
      .catch(() => undefined)
  }
  const limit = ['tbf', 'rate', `${Math.round(mbit)}mbit`, 'burst', '64kb', 'latency', '1s']
  for (const server of sides) await shape(server, 'replace', 'dev', interconnect, 'root', ...limit)
  return async () => {
    for (const server of sides) await shape(server, 'del', 'dev', interconnect, 'root')
  }
}

/** As each host calls it (lab/network.ts). */
const interconnect = 'ic0'

/** What a resize takes in. */
const grownMiB = 4

/** A file of so much, on the disk and gone again. */
const writeMore = (mib: number): string => {
  const file = `${mountPoint}/more`
  return `dd if=/dev/zero of=${file} bs=1M count=${mib} conv=fsync; rm -f ${file}; sync`
}
/** 24 MiB of memory, and more to write than that: every page has to be written back before the next. */
const [writerMiB, writtenMiB] = [24, 30]
/** Many times what the queue of an asynchronous mirror holds here. */
const overflowMiB = 8

/** Of the processes that watch over what runs. */
const processFaults = (server: string): readonly MirrorFault[] => [
  {
    name: `the agent of ${server} stands still`,
    takes: { server, part: 'agent' },
    happen: (mirrored) => standStill(mirrored, server, 'agent'),
  },
  {
    name: `the guardian of ${server} stands still`,
    takes: { server, part: 'guardian' },
    happen: (mirrored) => standStill(mirrored, server, 'guardian'),
  },
  {
    name: `the log server of ${server} stands still`,
    happen: (mirrored) => standStill(mirrored, server, 'log server'),
  },
  {
    name: `the agent of ${server} is restarted`,
    takes: { server, part: 'agent' },
    happen: async (mirrored) => {
      if (await isGuarded(mirrored, server)) await mirrored.cluster.restartAgent(server)
      return nothing
    },
  },
  {
    name: `the agent of ${server} is killed`,
    takes: { server, part: 'agent' },
    happen: async (mirrored) => {
      // One that has not reached its guardian yet would be started again by the service manager, which hosts lack.
      if (await isGuarded(mirrored, server))
        await mirrored.cluster.signal(server, 'agent', 'SIGKILL').catch(() => undefined)
      return nothing
    },
  },
]

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
      name: `the data plane of ${server} is slow`,
      happen: async (mirrored, chance) => {
        for (let bursts = Math.ceil(chance.between(2, 12)); bursts > 0; bursts--) {
          await signal(mirrored, server, 'SIGSTOP')
          await mirrored.pause(chance.between(20, 600))
          await signal(mirrored, server, 'SIGCONT')
          await mirrored.pause(chance.between(5, 100))
        }
        return nothing
      },
    },
    ...processFaults(server),
    {
      name: `the disk of ${server} refuses what is written`,
      // A disk that fails beneath the service is void until all of it was copied.
      copiesAll: true,
      happen: async (mirrored, chance) => {
        await mirrored.failWrites(server)
        await mirrored.pause(chance.between(0, 4000))
        return () => mirrored.mendWrites(server)
      },
    },
  ]),
  {
    name: 'the mirror connect is slow',
    happen: async (mirrored, chance) => {
      const undo = await slowConnect(mirrored, chance.between(leastMbit, mostMbit))
      await mirrored.pause(chance.between(0, 4000))
      return undo
    },
  },
  {
    name: 'more is written than a slow mirror connect takes',
    writesAnywhere: true,
    happen: async (mirrored, chance) => {
      const host = mirrored.cluster.host((await mirrored.ownerNow()) ?? 's1')
      if (!host.isOn) return nothing
      const undo = await slowConnect(mirrored, chance.between(leastMbit, mostMbit))
      await host.run(['sh', '-c', writeMore(overflowMiB)], { timeoutMs: 60_000 }).catch(() => undefined)
      return undo
    },
  },
  {
    name: 'the other side is brought up over a slow mirror connect',
    needsWell: true,
    happen: async (mirrored, chance) => {
      const standby = await standbyWhenWell(mirrored)
      const undo = await slowConnect(mirrored, chance.between(leastMbit, mostMbit))
      await order(mirrored, 'break', mirror)
      await mirrored.pause(chance.between(500, 2000))
      await order(mirrored, 'connect', mirror)
      await mirrored.pause(chance.between(0, 2000))
      if (chance.happens(0.5)) await signal(mirrored, standby, 'SIGKILL')
      return undo
    },
  },
  {
    name: 'both data partitions grow, and the mirror is resized',
    needsWell: true,
    happen: async (mirrored) => {
      await standbyWhenWell(mirrored)
      for (const server of sides) await mirrored.enlarge(server, grownMiB)
      await order(mirrored, 'resize', mirror)
      return nothing
    },
  },
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
  {
    name: 'one side is lost while the other is brought up',
    needsWell: true,
    happen: async (mirrored, chance) => {
      const standby = await standbyWhenWell(mirrored)
      const active = other(standby)
      const back = await powerOff(mirrored, standby)
      await mirrored.waitUntilBroken()
      await back()
      await mirrored.pause(chance.between(500, 4000))
      return powerOff(mirrored, chance.happens(0.5) ? active : standby)
    },
  },
  {
    name: 'a writer is at the limit of its memory',
    writesAnywhere: true,
    happen: async (mirrored) => {
      const owner = (await mirrored.ownerNow()) ?? 's1'
      const host = mirrored.cluster.host(owner)
      if (memoryHierarchy() === null || !host.isOn) return nothing
      const group = memoryGroup(`baton-torture-${process.pid}`, writerMiB * 1_048_576)
      const write = `echo 0 >${group.procs}; ${writeMore(writtenMiB)}`
      await host.run(['sh', '-c', write], { timeoutMs: 60_000 }).catch(() => undefined)
      await group.remove()
      return nothing
    },
  },
  {
    name: 'a resync is ordered',
    copiesAll: true,
    happen: async (mirrored, chance) => {
      await order(mirrored, 'resync', mirror, ...(chance.happens(0.5) ? ['--full'] : []))
      return nothing
    },
  },
  {
    name: 'the standby is split off for a backup',
    happen: async (mirrored) => {
      // Where nothing was split, nobody need be there to take it back.
      if (!(await order(mirrored, 'split', mirror))) return nothing
      return async () => {
        // A server that was off has to be back before it is known where this is asked.
        await until(async () => (await mirrored.ownerNow()) !== null, mirrorMs, 'an owner')
        await order(mirrored, 'rejoin', mirror)
      }
    },
  },
  {
    name: 'the disk of the standby is replaced',
    needsWell: true,
    copiesAll: true,
    happen: async (mirrored) => {
      await replaceDisk(mirrored)
      return nothing
    },
  },
  {
    name: 'the disks of both are replaced, one after the other',
    needsWell: true,
    copiesAll: true,
    happen: async (mirrored) => {
      await replaceDisk(mirrored)
      const next = await standbyWhenWell(mirrored)
      await taken(mirrored, other(next), 'move', 'db', '--to', next)
      await replaceDisk(mirrored)
      return nothing
    },
  },
  {
    name: 'the standby is restored from an older image',
    needsWell: true,
    copiesAll: true,
    happen: async (mirrored) => {
      const server = await standbyWhenWell(mirrored)
      await taken(mirrored, server, 'stop', 'db')
      const backup = await mirrored.backUp(server)
      await taken(mirrored, server, 'start', 'db')
      await mirrored.waitUntilWell()
      await mirrored.waitUntilWritten()
      const standby = other(await mirrored.owner())
      // Where it went meanwhile is by chance: a side that serves is not restored beneath itself.
      if (standby !== server) return nothing
      await mirrored.cluster.powerOff(server)
      await mirrored.restore(server, backup)
      await mirrored.cluster.powerOn(server)
      return nothing
    },
  },
]
