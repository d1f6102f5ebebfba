/** What happened to mirror disks, in words: one sentence for every event. */
import type { MirrorEvent, MirrorOrder } from '../events/index.ts'
import { bytesOf } from './mirror-history.ts'
import { lackingOn, shortOf, sideOf } from './mirror-sides.ts'
import { type Mirror, mirrorOf } from './mirrors.ts'
import type { State } from './state.ts'
import { bytesInWords, durationInWords } from './wording.ts'

export const describeMirror = ({ type, data }: MirrorEvent): string => {
  const name = data.mirror
  switch (type) {
    case 'MirrorConstructed':
      return data.initial === 'none'
        ? `${name} was initialised: ${data.source} and ${data.target} are equal by declaration`
        : `${name} was initialised: ${data.source} has the data, ${data.target} is to get ${data.initial === 'full' ? 'all of it' : 'what is used of it'}`
    case 'MirrorBroken':
      return `${name} broke: ${data.current} goes on alone (generation ${shortOf(data.generation)}), ${data.stale} is left behind: ${data.because}`
    case 'MirrorDetached':
      return `${name}: the disk of ${data.server} failed, which serves: it goes on with that of ${data.current} alone: ${data.because}`
    case 'MirrorJoined':
      return `${name} is whole: ${data.source} and ${data.target} have everything (generation ${shortOf(data.generation)})`
    case 'MirrorResyncStarted':
      return `${name}: resync ${data.source} → ${data.target} of ${bytesInWords(data.totalBytes)} (${data.copy})`
    case 'MirrorResyncProgressed':
      return `${name}: resync to ${data.target} has ${percentOf(data)} % after ${durationInWords(data.elapsedMs)}`
    case 'MirrorResyncInterrupted':
      return `${name}: resync to ${data.target} does not go on: ${data.because}`
    case 'MirrorSideSeen':
      return `${name}: the copy of ${data.server} claims generation ${shortOf(data.generation)} of epoch ${data.epoch}${data.isConsistent ? '' : ', not consistent'}`
    case 'MirrorDirtyRecorded':
      return `${name}: extents written under epoch ${data.epoch} were recorded (${bytesInWords(data.runs.reduce((sum, { length }) => sum + length, 0))})`
    case 'MirrorVerified':
      return data.differentBytes === 0
        ? `${name} was verified: ${bytesInWords(data.checkedBytes)} are equal`
        : `${name} was verified: ${bytesInWords(data.differentBytes)} of ${bytesInWords(data.checkedBytes)} differ`
    case 'MirrorSideMeasured':
      return `${name}: ${data.server} ${data.because === '' ? `has a data partition of ${bytesInWords(data.dataBytes)}, ${bytesInWords(data.mirroredBytes)} of it are mirrored` : `cannot tell how large its partitions are: ${data.because}`}`
    case 'MirrorResized':
      return `${name} grows from ${bytesInWords(data.fromBytes)} to ${bytesInWords(data.dataBytes)}`
    case 'MirrorForced':
      return `${name}: the copy of ${data.server} was made current by force; given up: ${data.lost}`
    case 'MirrorSplit':
      return `${name}: the copy of ${data.server} was split off for a backup`
    case 'MirrorRejoined':
      return `${name}: the copy of ${data.server} may follow again`
    case 'MirrorDiskTrouble':
      return `${name}: ${data.operation} on the disk of ${data.server} failed: ${troubleInWords(data)}`
    case 'MirrorProcessDied':
      return `${name}: the data plane of ${data.server} has died: ${data.because}`
    case 'MirrorConnectLost':
      return `${name}: ${data.server} lost the mirror connect over ${data.network}: ${data.because}`
    case 'MirrorConnectRestored':
      return `${name}: ${data.server} has the mirror connect over ${data.network} again`
    case 'MirrorOrdered':
      return `${name}: ordered on ${data.server}: ${orderInWords[data.order]}`
    case 'MirrorOrderFinished':
      return `${name}: what was ordered on ${data.server} ${data.outcome === 'done' ? 'is done' : 'failed'}${data.detail === '' ? '' : `: ${data.detail}`}`
    case 'MirrorConnectAllowed':
      return `${name}: its sides may connect again`
    default:
      return type satisfies never
  }
}

/** Offsets first: what is to be looked at. */
const mostOffsets = 4

export const troubleInWords = ({
  offsets,
  because,
}: {
  readonly offsets: readonly number[]
  readonly because: string
}): string => {
  if (offsets.length === 0) return because
  const more = offsets.length > mostOffsets ? ` and ${offsets.length - mostOffsets} more` : ''
  return `${because} (bad at byte ${offsets.slice(0, mostOffsets).join(', ')}${more})`
}

export const orderInWords: Readonly<Record<MirrorOrder, string>> = {
  break: 'go on alone',
  resync: 'bring the other side up',
  'resync-full': 'copy everything to the other side',
  verify: 'compare both sides',
  split: 'split the standby side off',
  'replace-disk': 'take in a replaced disk',
  resize: 'take in what was added to the partitions',
}

export const percentOf = ({
  doneBytes,
  totalBytes,
}: {
  readonly doneBytes: number
  readonly totalBytes: number
}): number => (totalBytes === 0 ? 100 : Math.min(100, Math.floor((doneBytes * 100) / totalBytes)))

/** What people must know of mirrors before anything else, and what is safe to do about it. */
export const mirrorBanners = ({ mirrors }: State): readonly string[] =>
  Object.values(mirrors).flatMap((mirror) => {
    const { name, current, stale, because, resync, split, forced, detached } = mirror
    if (forced) return [`mirror ${name} rests on the word of ${forced.by}: ${forced.lost}`]
    if (stale === null || current === null) return []
    if (detached)
      return [
        `mirror ${name} is NOT REDUNDANT: the disk of ${stale} has failed, its service uses that of ${current} alone, and fails when that is lost; ${detachedHelp(mirror)}`,
      ]
    if (split)
      return [`mirror ${name}: ${stale} is split off: writes are only on ${current} until baton mirror rejoin ${name}`]
    const running = resync !== null && resync.interrupted === null
    const how = running ? `resync has ${percentOf(resync)} %` : `no resync runs (${resync?.interrupted ?? because})`
    return [`mirror ${name} is NOT REDUNDANT: only ${current} has every write, ${stale} cannot take over; ${how}`]
  })

/** What to do about a side that serves without a disk of its own. */
export const detachedHelp = ({ name, current, detached }: Mirror): string =>
  `move its group to ${current} (baton group move), put in another disk, then baton mirror replace-disk ${name} ${detached?.server}`

/** What a side lacks, for a sentence: `nothing`, `at most 3 GiB …`, `everything (…)`. */
export const lackingInWords = (state: State, name: string, server: string): string => {
  const mirror = mirrorOf(state.mirrors, name)
  if (mirror === null) return 'everything: the mirror was never initialised'
  const lacking = lackingOn(mirror, server)
  if (lacking.copy === 'nothing') return 'nothing'
  if (lacking.copy === 'everything') return `everything (${lacking.because})`
  const bytes = bytesOf(lacking.runs)
  const since = sideOf(mirror, server).known?.generation ?? null
  return `what was written since generation ${shortOf(since)}: ${bytesInWords(bytes)} as recorded`
}
