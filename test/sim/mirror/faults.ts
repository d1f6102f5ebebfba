/** What may go wrong with two servers and a mirror between them. Each strikes once, and mends itself after a while. */

import { operate } from '../../../src/decisions/operate.ts'
import { type Command, mirrorName, operationId, serverName, voterName } from '../../../src/events/index.ts'
import { isMade, sideOf } from '../../../src/projections/mirror-sides.ts'
import { goodLink } from '../../../src/sim/network.ts'
import type { Chance } from '../../../src/sim/random.ts'
import type { Joint } from './joint.ts'
import { group, mirror } from './joint-agent.ts'
import { type Name, networks, otherOf, servers } from './joint-plan.ts'

export type JointFault = { readonly name: string; readonly strike: (joint: Joint, chance: Chance) => void }

const while_ = (chance: Chance): number => chance.magnitude(20, 9000)

/** Power comes back later, and what was not flushed survives in part. */
const losePower = (joint: Joint, chance: Chance, name: Name): void => {
  joint.survives = chance.pick([0, 0.3, 0.7, 1])
  joint.powerOff(name)
  joint.scheduler.after(while_(chance) + 100, () => joint.powerOn(name))
}

const machines: readonly JointFault[] = [
  { name: 'power', strike: (joint, chance) => losePower(joint, chance, chance.pick(servers)) },
  {
    name: 'power of both',
    strike: (joint, chance) => {
      for (const name of servers) losePower(joint, chance, name)
    },
  },
  {
    name: 'in the midst of it',
    strike: (joint, chance) => {
      const name = chance.pick(servers)
      const strikes = chance.pick(['power', 'power', 'kill'] as const)
      joint.survives = chance.pick([0, 0.3, 0.7, 1])
      joint.bombs[name] = { left: chance.whole(1, 60), touches: chance.pick(['disk', 'network', 'all']), strikes }
      if (strikes === 'power') joint.scheduler.after(while_(chance) + 2000, () => joint.powerOn(name))
    },
  },
  { name: 'kill mirror', strike: (joint, chance) => joint.kill(chance.pick(servers), 'mirror') },
  { name: 'kill agent', strike: (joint, chance) => joint.kill(chance.pick(servers), 'agent') },
  {
    name: 'freeze',
    strike: (joint, chance) => {
      const name = chance.pick(servers)
      const ms = while_(chance)
      joint.note(`freeze ${name} for ${Math.round(ms)} ms`)
      const host = joint.hosts[name]
      host.freeze()
      joint.scheduler.after(ms, () => host.thaw())
    },
  },
  {
    name: 'pause a process',
    strike: (joint, chance) => {
      const [name, tag] = [chance.pick(servers), chance.pick(['mirror', 'agent'] as const)]
      const process = joint.processOf(name, tag)
      const ms = while_(chance)
      joint.note(`stop the ${tag} of ${name} for ${Math.round(ms)} ms`)
      process?.stop()
      joint.scheduler.after(ms, () => process?.go())
    },
  },
]

const paths: readonly JointFault[] = [
  {
    name: 'cut',
    strike: (joint, chance) => {
      const cut = chance.happens(0.6) ? networks : [chance.pick(networks)]
      const way = chance.pick(['both', 'both', 's1', 's2'] as const)
      const ms = while_(chance)
      joint.note(`cut ${cut.join(', ')} (${way}) for ${Math.round(ms)} ms`)
      for (const network of cut)
        for (const from of servers) {
          if (way !== 'both' && way !== from) continue
          joint.scheduler.after(ms, joint.network.cut(network, from, otherOf(from)))
        }
    },
  },
  {
    name: 'cut off from the log',
    strike: (joint, chance) => joint.scheduler.after(while_(chance), joint.cutOff(chance.pick(servers))),
  },
  {
    name: 'no log',
    strike: (joint, chance) => {
      const ms = while_(chance)
      for (const name of servers) joint.scheduler.after(ms, joint.cutOff(name))
    },
  },
  {
    // Leases are the voters' and go on: whoever serves does, and asks the log in vain.
    name: 'silent log',
    strike: (joint, chance) => {
      const ms = while_(chance) + 3000
      joint.note(`the log answers nobody for ${Math.round(ms)} ms`)
      joint.isLogSilent = true
      joint.scheduler.after(ms, () => {
        joint.isLogSilent = false
      })
    },
  },
  {
    name: 'bad link',
    strike: (joint, chance) => {
      const quality = { loss: chance.fraction() * 0.6, duplicates: 0, delay: [0.1, chance.magnitude(1, 400)] as const }
      const [network, from] = [chance.pick(networks), chance.pick(servers)]
      joint.network.quality(network, from, otherOf(from), quality)
      joint.scheduler.after(while_(chance), () => joint.network.quality(network, from, otherOf(from), goodLink))
    },
  },
]

/** What was on it is gone with it; an operator says so where the cluster could not know. */
const replaceDisks = (joint: Joint, chance: Chance): void => {
  const name = chance.pick(servers)
  const isBoth = chance.happens(0.5)
  // Before its metadata was seen the new disk is the one that `initial` speaks of.
  const found = joint.state.mirrors[mirror]
  if (found === undefined || !isMade(found, sideOf(found, name).known)) return
  if (
    !isBoth &&
    !order(joint, chance, { do: 'replace-mirror-disk', mirror: mirrorName('web', 'data'), server: serverName(name) })
  )
    return
  losePower(joint, chance, name)
  joint.note(`${isBoth ? 'both disks' : 'the data disk'} of ${name}: new ones`)
  joint.isContentLost = true
  joint.disks.replace(name, isBoth ? ['/dev/data', '/dev/meta'] : ['/dev/data'])
}

/** The second failure, while the first is being mended. */
const strikeDuringResync = (joint: Joint, chance: Chance): void => {
  const until = joint.now + while_(chance) + 5000
  const strikes: readonly Name[] = chance.happens(0.2) ? servers : [chance.pick(servers)]
  const [isPower, delayMs] = [chance.happens(0.7), chance.magnitude(1, 900)]
  const look = (): void => {
    const resync = joint.state.mirrors[mirror]?.resync
    if (joint.now > until) return
    if (!resync || resync.interrupted !== null) joint.scheduler.after(20, look)
    else
      joint.scheduler.after(delayMs, () => {
        for (const name of strikes) isPower ? losePower(joint, chance, name) : joint.kill(name, 'mirror')
      })
  }
  look()
}

/** The second failure, before the log knows that a disk has failed; and that is well again. */
const strikeBeforeTheLogKnows = (joint: Joint, chance: Chance, { name, path }: { name: Name; path: string }): void => {
  const ms = chance.magnitude(5, 900)
  joint.isLogSilent = true
  joint.scheduler.after(ms, () => {
    joint.disks.mend(name, path)
    if (chance.happens(0.5)) losePower(joint, chance, name)
    else joint.kill(name, 'mirror')
    joint.scheduler.after(200, () => {
      joint.isLogSilent = false
    })
  })
}

const disks: readonly JointFault[] = [
  {
    name: 'disk trouble',
    strike: (joint, chance) => {
      const name = chance.pick(servers)
      const path = chance.happens(0.6) ? '/dev/data' : '/dev/meta'
      const wanted = chance.pick(['read', 'write', 'flush', 'any'] as const)
      joint.fail(name, path, wanted)
      joint.scheduler.after(while_(chance), () => joint.disks.mend(name, path))
    },
  },
  {
    name: 'writes of the active side',
    strike: (joint, chance) => {
      const { serving } = joint
      if (serving === null) return
      const path = chance.happens(0.8) ? '/dev/data' : '/dev/meta'
      joint.fail(serving, path, chance.pick(['write', 'write', 'flush']))
      joint.scheduler.after(while_(chance), () => joint.disks.mend(serving, path))
      const own = joint.chance.split(`second failure ${joint.now}`)
      if (own.happens(0.3)) strikeBeforeTheLogKnows(joint, own, { name: serving, path })
    },
  },
  {
    name: 'backup',
    strike: (joint, chance) => {
      const name = chance.pick(servers)
      joint.backUp(name)
    },
  },
  {
    name: 'restore',
    strike: (joint, chance) => {
      const name = chance.pick(servers)
      losePower(joint, chance, name)
      joint.restore(name)
    },
  },
  { name: 'new disks', strike: replaceDisks },
  { name: 'during resync', strike: strikeDuringResync },
]

const orders: JointFault = {
  name: 'operator',
  strike: (joint, chance) => order(joint, chance, commandOf(chance)),
}

/** False: it was refused, or nobody was there to take it. */
export const order = (joint: Joint, chance: Chance, command: Command): boolean => {
  const operation = operationId(`o${joint.log.commits.length}-${chance.whole(0, 1_000_000)}`)
  const [me] = joint.alive()
  if (me === undefined || joint.isLogSilent) return false
  const decision = operate(joint.state, { operation, command, from: voterName(me), stores: {} }, joint.factsOf(me))
  joint.log.append('operator:test', decision)
  return !decision.events.some(({ type }) => type === 'OperationRefused')
}

const commandOf = (chance: Chance): Command => {
  const mirror = mirrorName('web', 'data')
  const server = serverName(chance.pick(servers))
  return chance.pick<Command>([
    { do: 'stop-group', group },
    { do: 'start-group', group, server: null },
    { do: 'start-group', group, server: null },
    { do: 'move-group', group, server },
    { do: 'move-group', group, server },
    { do: 'move-group', group, server },
    { do: 'failover-group', group, server: null },
    { do: 'break-mirror', mirror },
    { do: 'connect-mirror', mirror },
    { do: 'resync-mirror', mirror, full: false },
    { do: 'resync-mirror', mirror, full: true },
    { do: 'verify-mirror', mirror },
    { do: 'split-mirror', mirror },
    { do: 'rejoin-mirror', mirror },
    { do: 'rejoin-mirror', mirror },
    { do: 'replace-mirror-disk', mirror, server },
  ])
}

export const faults: readonly JointFault[] = [...machines, ...paths, ...disks, orders, orders]
