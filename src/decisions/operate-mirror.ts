/** Operators' commands on mirror disks: what is recorded, what is ordered, or why not and what would make it possible. */
import type { Command, Event, MirrorName, MirrorOrder, OperationId, ServerName } from '../events/index.ts'
import { isToBeCopied, lackingOn, shortOf, sideOf, sizeOf } from '../projections/mirror-sides.ts'
import type { Mirror } from '../projections/mirrors.ts'
import { isInService, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { bytesInWords, durationInWords } from '../projections/wording.ts'
import { detachedHelp, lackingInWords, percentOf } from '../projections/words-of-mirrors.ts'
import { constructed } from './construct-mirror.ts'
import type { Facts, Refusal } from './decision.ts'
import { mirrorObjection } from './mirror-fitness.ts'
import {
  configuredMirrors,
  constructedMirror,
  groupOfMirror,
  mirrorConfigurationOf,
  otherOf,
  ownershipOf,
  pairOf,
} from './mirror-pair.ts'
import { type Operated, unknownName } from './operate-group.ts'

export type MirrorCommand = Extract<Command, { mirror: MirrorName }>
type Of<Verb extends MirrorCommand['do']> = Extract<MirrorCommand, { do: Verb }>

export const operateMirror = (state: State, command: MirrorCommand, operation: OperationId, facts: Facts): Operated => {
  const { mirror: name } = command
  if (mirrorConfigurationOf(state, name) === null) return unknownName('mirror', name, configuredMirrors(state))
  if (command.do === 'init-mirror') return initialise(state, command, operation)
  const mirror = constructedMirror(state, name)
  if (mirror === null)
    return { refused: `${name} was never initialised`, possible: `baton mirror init ${name}, or start its group` }
  switch (command.do) {
    case 'resync-mirror':
      return resync(state, mirror, command.full, facts)
    case 'force-mirror':
      return force(state, mirror, command, facts)
    case 'break-mirror':
      return mirror.mayConnect || mirror.stale === null
        ? onActive(state, mirror, 'break', facts)
        : so(`${name} is broken, and its sides do not connect`)
    case 'connect-mirror':
      return mirror.mayConnect
        ? so(`the sides of ${name} may connect already`)
        : { events: [{ type: 'MirrorConnectAllowed', data: { mirror: name } }], because: {} }
    case 'verify-mirror':
      return onActive(state, mirror, 'verify', facts)
    case 'resize-mirror':
      return onActive(state, mirror, 'resize', facts)
    case 'split-mirror':
      return mirror.split
        ? so(`the copy of ${mirror.split.server} is split off already`)
        : onActive(state, mirror, 'split', facts)
    case 'rejoin-mirror':
      return mirror.split
        ? { events: [{ type: 'MirrorRejoined', data: { mirror: name, server: mirror.split.server } }], because: {} }
        : so(`${name} is not split`)
    case 'replace-mirror-disk':
      return replaceDisk(state, mirror, command, facts)
    default:
      return command satisfies never
  }
}

const so = (settled: string): Operated => ({ events: [], because: {}, settled })

const ordered = (mirror: Mirror, server: ServerName, order: MirrorOrder): Operated => ({
  events: [{ type: 'MirrorOrdered', data: { mirror: mirror.name, server, order } }],
  because: { current: mirror.current, stale: mirror.stale },
})

/** D7: `from` has the data. Only before it was ever written: afterwards it would give up what the log knows. */
const initialise = (
  state: State,
  { mirror: name, from, initial }: Of<'init-mirror'>,
  operation: OperationId,
): Operated => {
  const configuration = mirrorConfigurationOf(state, name)
  const pair = pairOf(state, name)
  const source = from ?? ownershipOf(state, name)?.server ?? pair[0]
  if (source === undefined || !pair.includes(source)) return unknownName(`server of ${name}`, String(source), pair)
  const target = otherOf(state, name, source)
  const known = constructedMirror(state, name)
  if (known !== null)
    return {
      refused: `${name} was initialised before: ${known.current} has its data`,
      possible: `baton mirror resync ${name} --full copies everything anew; baton mirror replace-disk takes in a new disk`,
    }
  const owned = ownershipOf(state, name)
  if (owned && owned.server !== source)
    return {
      refused: `${groupOfMirror(name)} is on ${owned.server}: its data is what is copied`,
      possible: `baton mirror init ${name} --from ${owned.server}`,
    }
  if (target === null || configuration === null) return unknownName('mirror', name, configuredMirrors(state))
  const event = constructed({
    mirror: name,
    id: hexFrom(`${operation} mirror`, 16),
    generation: hexFrom(`${operation} generation`, 8),
    source,
    target,
    initial: initial ?? configuration.initial,
    because: 'by an operator',
  })
  return { events: [event], because: { source } }
}

/** Bytes that nobody else will have: an operation's id is random, and this spreads it (FNV-1a, 64 bits). */
export const hexFrom = (text: string, bytes: 8 | 16): string => {
  const spread = (seed: string): string => {
    let hash = 0xcbf29ce484222325n
    for (const character of seed)
      hash = BigInt.asUintN(64, (hash ^ BigInt(character.codePointAt(0) ?? 0)) * 0x100000001b3n)
    return hash.toString(16).padStart(16, '0')
  }
  return bytes === 8 ? spread(text) : spread(text) + spread(`${text} more`)
}

/** What the active server carries out, with the other side there. */
const onActive = (state: State, mirror: Mirror, order: MirrorOrder, facts: Facts): Operated => {
  const { name, stale, current } = mirror
  const owned = ownershipOf(state, name)
  if (owned === null) return notRunning(name)
  if (!facts.reachable.has(owned.server)) return notHeard(owned.server)
  if (mirror.detached) return withoutDisk(mirror)
  if (stale !== null && current !== null)
    return {
      refused: `${name} is broken: only ${current} has every write, ${stale} was left behind (${mirror.because})`,
      possible: `wait until it is whole again (baton mirror status ${name}), or baton mirror resync ${name}`,
    }
  const other = otherOf(state, name, owned.server)
  if (order !== 'break' && other !== null && serverOf(state.servers, other).status !== 'up')
    return { refused: `${other}, which has the other copy, is not there`, possible: `start ${other}` }
  if (order === 'resize' && other !== null && !facts.reachable.has(other)) return notHeard(other)
  return ordered(mirror, owned.server, order)
}

const withoutDisk = (mirror: Mirror): Refusal => ({
  refused: `the disk of ${mirror.detached?.server} has failed: ${mirror.name} is on the disk of ${mirror.current} alone`,
  possible: detachedHelp(mirror),
})

const notRunning = (name: string): Refusal => ({
  refused: `${groupOfMirror(name)} does not run anywhere, so ${name} is not served`,
  possible: `baton group start ${groupOfMirror(name)}`,
})
const notHeard = (server: string): Refusal => ({
  refused: `${server} is not heard`,
  possible: `wait until ${server} is back, or declared down`,
})

const resync = (state: State, mirror: Mirror, full: boolean, facts: Facts): Operated => {
  const { name, split } = mirror
  const owned = ownershipOf(state, name)
  if (split) return { refused: `${split.server} is split off for a backup`, possible: `baton mirror rejoin ${name}` }
  if (!isToBeCopied(mirror) && !full) return so('both sides have everything: there is nothing to copy')
  if (owned === null) return notRunning(name)
  if (mirror.detached?.server === owned.server) return withoutDisk(mirror)
  if (!facts.reachable.has(owned.server)) return notHeard(owned.server)
  const other = otherOf(state, name, owned.server)
  if (other !== null && serverOf(state.servers, other).status !== 'up')
    return { refused: `${other}, which is to be brought up, is not there`, possible: `start ${other}` }
  return ordered(mirror, owned.server, full ? 'resync-full' : 'resync')
}

/** The last resort: a copy that may lack acknowledged writes becomes the one that counts. Never while a better one can be had. */
const force = (state: State, mirror: Mirror, { server }: Of<'force-mirror'>, facts: Facts): Operated => {
  const { name } = mirror
  const pair = pairOf(state, name)
  if (!pair.includes(server)) return unknownName(`server of ${name}`, server, pair)
  if (mirror.forced?.server === server || mirrorObjection(state, name, server) === null)
    return so(`the copy of ${server} may be served as it is: nothing has to be forced`)
  const owned = ownershipOf(state, name)
  if (owned)
    return {
      refused: `${groupOfMirror(name)} is ${owned.phase} on ${owned.server}`,
      possible: `baton group stop ${groupOfMirror(name)}, if that copy is really to be given up`,
    }
  const other = otherOf(state, name, server)
  const better = other !== null && mirrorObjection(state, name, other) === null ? other : null
  if (better !== null && serverOf(state.servers, better).status === 'up' && facts.reachable.has(better))
    return {
      refused: `${better} is there and has every acknowledged write`,
      possible: `baton group start ${groupOfMirror(name)} --on ${better}; ${server} is brought up from it`,
    }
  const { known, seen } = sideOf(mirror, server)
  const lacking = lackingOn(mirror, server)
  const lostBytes = lacking.copy === 'differences' ? lacking.runs.reduce((sum, { length }) => sum + length, 0) : null
  const generation = seen?.generation ?? known?.generation ?? null
  const forced: Event = {
    type: 'MirrorForced',
    data: { mirror: name, server, generation, lostBytes, lost: lossInWords(state, mirror, server).slice(0, 500) },
  }
  return { events: [forced], because: { current: mirror.current, stale: mirror.stale, generation } }
}

/** What is given up when this copy is made current: in words and numbers, for the question and for the log. */
export const lossInWords = (state: State, mirror: Mirror, server: string): string => {
  const { name, current, resync, since } = mirror
  const half =
    resync?.target === server ? `; a resync had copied ${percentOf(resync)} %, so it is a mixture of two moments` : ''
  const parted =
    mirror.stale === server ? ` (parted ${durationInWords(Math.max(0, state.at - since))} before the log ends)` : ''
  const { known } = sideOf(mirror, server)
  const size = sizeOf(mirror)
  const most = size > 0 ? `; the mirror has ${bytesInWords(size)}` : ''
  return `${server} lacks ${lackingInWords(state, name, server)} of what ${current} acknowledged; it has generation ${shortOf(known?.generation ?? null)}${parted}${half}${most}`
}

/** D9: what was on the disk is gone, so the other copy must be the one that counts. */
const replaceDisk = (state: State, mirror: Mirror, { server }: Of<'replace-mirror-disk'>, facts: Facts): Operated => {
  const { name, stale, split } = mirror
  const pair = pairOf(state, name)
  if (split?.server === server)
    return { refused: `${server} is split off for a backup`, possible: `baton mirror rejoin ${name}` }
  if (!pair.includes(server)) return unknownName(`server of ${name}`, server, pair)
  const owned = ownershipOf(state, name)
  const group = groupOfMirror(name)
  const other = otherOf(state, name, server)
  if (owned?.server === server)
    return {
      refused: `${group} runs on ${server}: its disk is in use`,
      possible:
        stale === null || stale === server
          ? `baton group move ${group}`
          : `baton mirror resync ${name} first, then baton group move ${group}`,
    }
  if (stale !== null && stale !== server)
    return {
      refused: `the disk of ${server} is the only one that has every write: ${stale} lacks some`,
      possible: `baton mirror force ${name} ${stale}, if that data is lost already`,
    }
  if (owned && stale === null)
    return {
      refused: `${name} is being written on both sides`,
      possible: `baton mirror break ${name} first, then replace the disk`,
    }
  if (other === null || !facts.reachable.has(server)) return notHeard(server)
  const objection = stale === server ? null : mirrorObjection(state, name, other)
  if (objection !== null) return notInstead(state, mirror, { server, other, objection })
  return ordered(mirror, server, 'replace-disk')
}

/** The log does not know yet that the disk is gone, and the other copy may not take its place as it is. */
const notInstead = (
  state: State,
  { name }: Mirror,
  { server, other, objection }: { readonly server: ServerName; readonly other: ServerName; readonly objection: string },
): Refusal => {
  const force = `baton mirror force ${name} ${other}, which says what is lost with that disk`
  const bringUp = `baton group start ${groupOfMirror(name)} --on ${server}, which brings ${other} up; if its disk is gone, baton server stop ${server}, then ${force}`
  const isGood = mirrorObjection(state, name, server) === null
  return {
    refused: `${other} cannot be what ${server} is brought up from: ${objection}`,
    possible: isGood ? bringUp : force,
  }
}

/** Why this server should not be stopped now: a group of its would have no other place (step 7 of the evaluation). */
export const mirrorsAgainstStop = (state: State, server: string, facts: Facts): Refusal | null => {
  for (const name of configuredMirrors(state)) {
    const mirror = constructedMirror(state, name)
    const owner = ownershipOf(state, name)?.server
    if (mirror?.detached && mirror.detached.server === owner && mirror.current === server)
      return {
        refused: `${owner} runs ${groupOfMirror(name)} on the disk that ${server} has of mirror ${name}: its own has failed`,
        possible: `baton group move ${groupOfMirror(name)} --to ${server}, or baton group stop ${groupOfMirror(name)} first`,
      }
    if (mirror?.stale == null || owner !== server || mirror.stale === server) continue
    const { stale, resync } = mirror
    if (!isInService(serverOf(state.servers, stale)) || !facts.reachable.has(stale)) continue
    const group = groupOfMirror(name)
    const far = resync && resync.interrupted === null ? `, resync has ${percentOf(resync)} %` : ''
    return {
      refused: `${stale} cannot take over ${group}: its copy of mirror ${name} is not current yet${far}`,
      possible: `wait until it is (baton mirror status ${name}), or baton group stop ${group} first`,
    }
  }
  return null
}

/** Whether an order of an operator has been carried out. */
export const settledOrder = (
  state: State,
  { mirror: name }: MirrorCommand,
  sequence: number,
): { readonly outcome: 'done' | 'failed'; readonly detail: string } | null => {
  const mirror = constructedMirror(state, name)
  if (mirror?.orders.some((one) => one.sequence === sequence)) return null
  const closed = mirror?.closedOrders.find((one) => one.sequence === sequence)
  return closed ? { outcome: closed.outcome, detail: closed.detail || 'done' } : { outcome: 'done', detail: 'recorded' }
}
