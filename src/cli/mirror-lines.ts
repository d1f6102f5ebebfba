/** The text of `baton mirror status`: both copies, what one lacks, and how long it will take. */

import { mirrorObjection } from '../decisions/mirror-fitness.ts'
import {
  configuredMirrors,
  constructedMirror,
  mirrorConfigurationOf,
  otherOf,
  ownershipOf,
  pairOf,
} from '../decisions/mirror-pair.ts'
import type { ByteRun, ServerName } from '../events/index.ts'
import type { Lacking } from '../projections/mirror-history.ts'
import type { Resync } from '../projections/mirror-resync.ts'
import { lackingOn, shortOf, sideOf, sizeOf, type Trouble } from '../projections/mirror-sides.ts'
import type { Mirror } from '../projections/mirrors.ts'
import type { State } from '../projections/state.ts'
import { bytesInWords, durationInWords, listInWords } from '../projections/wording.ts'
import {
  detachedHelp,
  lackingInWords,
  orderInWords,
  percentOf,
  troubleInWords,
} from '../projections/words-of-mirrors.ts'
import type { Colours } from './deps.ts'
import { mirrorIn, type Planes, planeLines } from './mirror-planes.ts'
import { indent, row, table } from './table.ts'
import { formatTime, type Zone } from './times.ts'

export type MirrorLook = {
  readonly colours: Colours
  readonly zone: Zone
  /** Of this server, which knows more than the log; null where nobody was asked. */
  readonly planes: Planes | null
}

/** Every mirror that is configured, and those that the log remembers. */
export const mirrorNames = (state: State): readonly string[] => [
  ...new Set([...configuredMirrors(state), ...Object.keys(state.mirrors)]),
]

export const mirrorLines = (state: State, names: readonly string[], look: MirrorLook): readonly string[] =>
  names.length === 0
    ? ['no mirror disks']
    : names.flatMap((name, index) => [...(index > 0 ? [''] : []), ...oneMirror(state, name, look)])

const oneMirror = (state: State, name: string, look: MirrorLook): readonly string[] => {
  const { bold, dim, yellow, red, green } = look.colours
  const mirror = constructedMirror(state, name)
  const configuration = mirrorConfigurationOf(state, name)
  const facts = configuration
    ? dim(`${configuration.mode}, port ${configuration.port}`)
    : yellow('not configured any more')
  if (mirror === null) return [`${bold(name)}  ${yellow('never initialised')}  ${facts}`]
  const { current, stale, generation, forced, split, detached, orders, verified, mayConnect } = mirror
  const standing =
    stale === null ? green('both copies are current') : red(`NOT REDUNDANT: only ${current} has every write`)
  const notes = [
    `generation ${shortOf(generation)} since ${formatTime(mirror.since, look.zone)}: ${mirror.because}`,
    ...(forced ? [yellow(`by the word of ${forced.by}: ${forced.lost}`)] : []),
    ...(detached ? [red(`the disk of ${detached.server} has failed while it served: ${detachedHelp(mirror)}`)] : []),
    ...(split ? [yellow(`the copy of ${split.server} is split off since ${formatTime(split.at, look.zone)}`)] : []),
    ...(mayConnect ? [] : [yellow(`its sides do not connect: baton mirror connect ${name}`)]),
    ...growthNotes(mirror).map(yellow),
    ...orders.map(({ order, server, by }) => yellow(`ordered by ${by} on ${server}: ${orderInWords[order]}`)),
    ...(verified
      ? [
          `verified ${formatTime(verified.at, look.zone)}: ${verified.differentBytes === 0 ? 'equal' : red(`${bytesInWords(verified.differentBytes)} differ: baton mirror resync ${name}`)}`,
        ]
      : []),
  ]
  const servers = [...new Set([...pairOf(state, name), ...Object.keys(mirror.sides)])]
  return [
    `${bold(name)}  ${standing}  ${facts}`,
    ...indent(notes),
    ...indent(table(servers.map((server) => sideRow(state, mirror, server, look)))),
    ...indent(planeLines(state, look.planes, name, look.colours)),
    ...(stale === null ? [] : indent(mapLines(mirror, stale))),
    ...indent(resyncLines(mirror, liveResync(state, look.planes, name), look.colours)),
  ]
}

/** What the log has named, and who has yet to take it in. */
const growthNotes = ({ dataBytes, sides }: Mirror): readonly string[] => {
  if (dataBytes === undefined) return []
  const behind = Object.entries(sides).flatMap(([server, { seen }]) =>
    seen && seen.dataBytes < dataBytes ? [server] : [],
  )
  return behind.length === 0 ? [] : [`grows to ${bytesInWords(dataBytes)}: not yet on ${listInWords(behind)}`]
}

const sideRow = (state: State, mirror: Mirror, server: string, { colours, zone }: MirrorLook): readonly string[] => {
  const { green, red, yellow, dim } = colours
  const { seen, trouble, lostNetworks } = sideOf(mirror, server)
  const owned = ownershipOf(state, mirror.name)
  // cast: names of sides are names of servers
  const objection = mirrorObjection(state, mirror.name, server as ServerName)
  const word =
    mirror.stale === server
      ? red('STALE')
      : mirror.forced?.server === server
        ? yellow('forced')
        : objection === null
          ? green('current')
          : yellow('not fit')
  return row(
    owned?.server === server ? `* ${server}` : `  ${server}`,
    word,
    mirror.stale === server ? `lacks ${lackingInWords(state, mirror.name, server)}` : '',
    seen
      ? dim(`shown ${formatTime(seen.at, zone)}: ${shortOf(seen.generation)}, epoch ${seen.epoch}`)
      : dim('not shown yet'),
    [
      ...(objection !== null && mirror.stale !== server ? [yellow(objection)] : []),
      ...(trouble ? [red(troubleLine(trouble, zone))] : []),
      ...(lostNetworks.length > 0 ? [yellow(`no connect over ${lostNetworks.join(', ')}`)] : []),
    ].join('; '),
  )
}

const troubleLine = (trouble: Trouble, zone: Zone): string => {
  const { operations, told, since } = trouble
  return `${operations.join(', ')} failed, told ${told === 1 ? 'once' : `${told} times`} since ${formatTime(since, zone)}: ${troubleInWords(trouble)}`
}

/** As wide as two regions of a common disk are far apart on a screen. */
const mapCells = 60

/** One line: where the stale copy differs, as the log has recorded it. */
const mapLines = (mirror: Mirror, stale: string): readonly string[] => {
  const size = sizeOf(mirror)
  const lacking = lackingOn(mirror, stale)
  return size > 0 && lacking.copy !== 'nothing' ? [`differs [${mapOf(lacking, size)}] of ${bytesInWords(size)}`] : []
}

/** `.` nothing, `-` less than half of the cell, `#` more. */
export const mapOf = (lacking: Lacking, size: number): string => {
  if (lacking.copy !== 'differences') return (lacking.copy === 'everything' ? '#' : '.').repeat(mapCells)
  const cell = size / mapCells
  return Array.from({ length: mapCells }, (_, index) => {
    const part = overlap(lacking.runs, index * cell, (index + 1) * cell) / cell
    return part === 0 ? '.' : part < 0.5 ? '-' : '#'
  }).join('')
}

const overlap = (runs: readonly ByteRun[], from: number, to: number): number =>
  runs.reduce((sum, { at, length }) => sum + Math.max(0, Math.min(to, at + length) - Math.max(from, at)), 0)

const barCells = 30

type Progress = Pick<Resync, 'source' | 'target' | 'doneBytes' | 'totalBytes' | 'elapsedMs' | 'interrupted'>

/** As the data plane of this server tells it, which is newer than what the log has. */
const liveResync = (state: State, planes: Planes | null, name: string): Progress | null => {
  const resync = mirrorIn(planes, name)?.plane?.resync ?? null
  const target = planes && otherOf(state, name, planes.server)
  return resync && planes && target ? { source: planes.server, target, ...resync, interrupted: null } : null
}

const resyncLines = (mirror: Mirror, live: Progress | null, { yellow, dim }: Colours): readonly string[] => {
  const resync = live ?? mirror.resync
  if (resync === null) return []
  const { source, target, doneBytes, totalBytes, interrupted } = resync
  const percent = percentOf(resync)
  const done = Math.round((percent * barCells) / 100)
  const bar = `[${'='.repeat(done)}${' '.repeat(barCells - done)}]`
  const far = `${bytesInWords(doneBytes)} of ${bytesInWords(totalBytes)}`
  const rest = interrupted === null ? dim(etaInWords(resync, mirror.speed)) : yellow(`does not go on: ${interrupted}`)
  return [`resync ${source} → ${target} ${bar} ${percent} %  ${far}  ${rest}`]
}

type Speed = Pick<Resync, 'doneBytes' | 'elapsedMs'>

/** The log alone knows every ten percent: before the first of them, as fast as the last resync was. */
export const etaInWords = (resync: Speed & Pick<Resync, 'totalBytes'>, last?: Speed): string => {
  const left = (speed: Speed): string => {
    const perMs = speed.doneBytes / speed.elapsedMs
    const leftMs = Math.max(0, resync.totalBytes - resync.doneBytes) / perMs
    return `${bytesInWords(Math.round(perMs * 1000))}/s, about ${durationInWords(leftMs)} left`
  }
  if (hasSpeed(resync)) return left(resync)
  return hasSpeed(last) ? `as the last one: ${left(last)}` : 'just begun'
}
const hasSpeed = (speed: Speed | undefined): speed is Speed =>
  speed !== undefined && speed.doneBytes > 0 && speed.elapsedMs > 0
