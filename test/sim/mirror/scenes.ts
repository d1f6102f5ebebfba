/** What chance shows too rarely: a failure at the one moment when a rule of the mirror matters. Afterwards everything heals. */
import { type Command, serverName } from '../../../src/events/index.ts'
import { ClusterPartition } from '../../../src/mirror/cluster-partition.ts'
import { hotRegions } from '../../../src/mirror/engine/intents.ts'
import type { MirrorState } from '../../../src/mirror/partition/state-record.ts'
import { serverOf } from '../../../src/projections/servers.ts'
import type { Writer } from '../../../src/sim/mirror/writer.ts'
import { order } from './faults.ts'
import { Joint, MirrorViolation } from './joint.ts'
import { group, mirror } from './joint-agent.ts'
import { type JointPlan, type Name, otherOf, servers } from './joint-plan.ts'
import { type JointOutcome, judged, recover } from './seed.ts'

type Cast = { readonly joint: Joint; readonly serving: Name; readonly other: Name; readonly writer: Writer }

type Scene = {
  readonly plan?: Partial<JointPlan>
  /** Begins with both sides equal, one of them serving. @throws MirrorViolation */
  readonly play: (cast: Cast) => Promise<void>
}

/** Nobody writes of his own accord. */
const never = 1_000_000_000
const quiet: JointPlan = {
  blocks: 48,
  blockBytes: 4096,
  regionBytes: 4096,
  connects: ['cross'],
  writesEvery: [never, never],
  often: 0,
  flushes: 0,
  mode: 'sync',
  mostOpen: 12,
  resyncRate: 0,
  initial: 'none',
  compression: false,
}
/** More regions than stay marked. */
const many = { blocks: 320, regionBytes: 4096 } as const

/** How long that takes at most, and how soon it is noticed. */
type Limit = { readonly withinMs?: number; readonly everyMs?: number }

/** It comes to that, or the scene shows nothing. */
const demand = async (joint: Joint, what: string, isSo: () => boolean, limit: Limit = {}): Promise<void> => {
  const { withinMs = 60_000, everyMs = 50 } = limit
  const end = joint.now + withinMs
  while (!isSo()) {
    if (joint.now >= end)
      throw new Error(`the scene does not get there: ${what}\n${joint.history.slice(-40).join('\n')}`)
    await joint.run(everyMs)
  }
}
const isWhole = (joint: Joint): boolean => joint.serving !== null && joint.state.mirrors[mirror]?.stale === null
const isStale = (joint: Joint, name: Name): boolean => joint.state.mirrors[mirror]?.stale === name

const metadata = (joint: Joint, name: Name): MirrorState | null => {
  const opened = ClusterPartition.open(joint.metadataOf(name))
  return opened.is === 'unusable' ? null : opened.partition.state
}

/** Each block by itself, all of them answered. */
const write = async ({ joint, writer }: Cast, blocks: readonly number[]): Promise<void> => {
  for (const block of blocks) void writer.write(block)
  await demand(joint, 'what was written is answered', () => writer.open === 0)
}
const blocksUpTo = (end: number): readonly number[] => Array.from({ length: end }, (_, index) => index)

/** Nothing that was not flushed survives. */
const loseAll = (joint: Joint, name: Name): void => {
  joint.survives = 0
  joint.powerOff(name)
}

/** So long its agent and its data plane go on standing still. */
const staysFrozen = async (joint: Joint, name: Name, ms: number): Promise<void> => {
  await joint.run(ms)
  joint.hosts[name].thaw()
}

const say = (joint: Joint, command: Command): void => {
  if (!order(joint, joint.chance, command)) throw new Error(`the scene does not get there: ${command.do} was refused`)
}

export const scenes = {
  /** A flush that was sent before a write, and a write, are sent again; the flush is answered, and covers the write no more than before. */
  'what is sent again is lost with its power': {
    play: async (cast) => {
      const { joint, serving, other, writer } = cast
      const mends = servers.map((name) => joint.network.cut('cross', name, otherOf(name)))
      void writer.flush()
      for (const block of blocksUpTo(8)) void writer.write(block)
      // Until the connection is over.
      await joint.run(2500)
      for (const mend of mends) mend()
      await demand(joint, 'what was sent again is answered', () => writer.open === 0, { withinMs: 3000 })
      if (isStale(joint, other) || joint.serving !== serving) throw new Error('it was broken: nothing was sent again')
      loseAll(joint, other)
      joint.powerOn(other)
    },
  },

  'a side that is brought up loses its power in the midst of it': {
    plan: { ...many, resyncRate: 1 },
    play: async (cast) => {
      const { joint, other } = cast
      joint.powerOff(other)
      await demand(joint, 'the other side is left behind', () => isStale(joint, other))
      await write(cast, blocksUpTo(many.blocks))
      joint.powerOn(other)
      await demand(joint, 'it is brought up', () => joint.state.mirrors[mirror]?.resync?.interrupted === null)
      await joint.run(500)
      loseAll(joint, other)
      if (!isStale(joint, other)) throw new Error('it was brought up already')
      joint.powerOn(other)
    },
  },

  /** What was written alone has no marks any more once it was copied: they go when there are too many, and with the next one. */
  'a side that has brought the other up loses its power': {
    plan: many,
    play: async (cast) => {
      const { joint, serving, other } = cast
      joint.powerOff(other)
      await demand(joint, 'the other side is left behind', () => isStale(joint, other))
      await write(cast, blocksUpTo(hotRegions + 4))
      joint.powerOn(other)
      await demand(joint, 'both are equal', () => isWhole(joint))
      loseAll(joint, serving)
      await demand(joint, 'the other side serves', () => joint.serving === other)
      joint.powerOn(serving)
    },
  },

  'a side that followed has left, loses its power, and is wanted': {
    play: async (cast) => {
      const { joint, serving, other } = cast
      await write(cast, blocksUpTo(8))
      const mend = joint.cutOff(other)
      await demand(joint, 'it is declared down', () => serverOf(joint.state.servers, other).status === 'down')
      mend()
      // It ends what it did before it joins anew.
      await demand(joint, 'it leaves', () => metadata(joint, other)?.role === 'idle', { withinMs: 5000, everyMs: 1 })
      joint.hosts[serving].freeze()
      if (isStale(joint, other)) throw new Error('the log knows already that it was left behind')
      loseAll(joint, other)
      joint.powerOn(other)
      await staysFrozen(joint, serving, 9000)
    },
  },

  'a side that followed was restarted and follows again, before the log knows': {
    play: async (cast) => {
      const { joint, serving, other } = cast
      await write(cast, blocksUpTo(8))
      loseAll(joint, other)
      joint.powerOn(other)
      const { bootId } = joint.hosts[other]
      await demand(joint, 'it follows again', () => metadata(joint, other)?.boot === bootId, {
        withinMs: 5000,
        everyMs: 1,
      })
      joint.hosts[serving].freeze()
      if (isStale(joint, other)) throw new Error('the log knows already that it was left behind')
      await staysFrozen(joint, serving, 9000)
    },
  },

  'a side that followed takes over, and loses its power before the log knows': {
    play: async (cast) => {
      const { joint, serving, other } = cast
      await write(cast, blocksUpTo(8))
      joint.hosts[serving].freeze()
      await demand(joint, 'it takes over', () => metadata(joint, other)?.role === 'active', {
        withinMs: 9000,
        everyMs: 1,
      })
      joint.isLogSilent = true
      if (isStale(joint, serving)) throw new Error('the log knows already that it goes on alone')
      loseAll(joint, other)
      joint.powerOn(other)
      joint.isLogSilent = false
      await staysFrozen(joint, serving, 9000)
    },
  },

  'a data plane dies with writes that only it has, and follows the other side': {
    play: async ({ joint, serving, other, writer }) => {
      const mends = servers.map((name) => joint.network.cut('cross', name, otherOf(name)))
      for (const block of blocksUpTo(8)) void writer.write(block)
      await joint.run(50)
      say(joint, { do: 'move-group', group, server: serverName(other) })
      joint.kill(serving, 'mirror')
      // Until what it has sent is refused: the other side follows no longer.
      await joint.run(500)
      for (const mend of mends) mend()
      await demand(joint, 'the other side serves', () => joint.serving === other)
    },
  },

  'a group is moved, and the cluster stopped and started': {
    plan: { writesEvery: [2, 20], flushes: 0.05 },
    play: async ({ joint }) => {
      await joint.run(5000)
      const said = joint.history.length
      for (let move = 0; move < 4; move++) {
        const from = joint.serving ?? 's1'
        say(joint, { do: 'move-group', group, server: serverName(otherOf(from)) })
        await demand(joint, 'it is moved', () => isWhole(joint) && joint.serving === otherOf(from), {
          withinMs: 30_000,
        })
        await joint.run(3000)
      }
      say(joint, { do: 'stop-group', group })
      await demand(joint, 'it is stopped', () => joint.state.groups.web?.ownership.status === 'stopped', {
        withinMs: 30_000,
      })
      await joint.run(2000)
      for (const name of servers) joint.powerOff(name)
      for (const name of servers) joint.powerOn(name)
      await joint.run(5000)
      say(joint, { do: 'start-group', group, server: null })
      await demand(joint, 'it is started', () => isWhole(joint))
      const vain = joint.history.slice(said).find((one) => /broke|resync/.test(one))
      if (vain !== undefined) throw new MirrorViolation(`copied in vain: ${vain}`)
    },
  },
} satisfies Readonly<Record<string, Scene>>

export type SceneName = keyof typeof scenes

export const playScene = async (name: SceneName): Promise<JointOutcome> => {
  const { plan, play }: Scene = scenes[name]
  const joint = new Joint(1, { ...quiet, ...plan })
  return judged(joint, async () => {
    for (const one of servers) joint.powerOn(one)
    await demand(joint, 'both sides are equal', () => isWhole(joint))
    // The log has what both show of themselves.
    await joint.run(2000)
    const { serving } = joint
    const writer = serving && joint.writerOf(serving)
    if (!writer) throw new Error('it is not served')
    await play({ joint, serving, other: otherOf(serving), writer })
    joint.heal()
    await recover(joint)
  })
}
