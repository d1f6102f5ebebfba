/** What there is to tell of events of the stream `mirror`. */
import type { MirrorEvent } from '../events/index.ts'
import { authorInWords } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import { shortOf, sideOf } from './mirror-sides.ts'
import { mirrorOf } from './mirrors.ts'
import { bytesInWords } from './wording.ts'
import { troubleInWords } from './words-of-mirrors.ts'

export const tellMirror = ({ type, data }: MirrorEvent, { before, after, moment }: Scene): readonly Told[] => {
  const known = mirrorOf(before.mirrors, data.mirror)
  const told = (name: Told['name'], server: Told['server'], ...values: readonly string[]): readonly Told[] => [
    { name, server, values: [data.mirror, ...values] },
  ]
  switch (type) {
    case 'MirrorConstructed':
      return told('mirrorConstructed', data.source, data.source, data.initial)
    case 'MirrorBroken':
      // Told once: a side that is alone may be renamed again and again.
      return known?.stale === data.stale && known.current === data.current
        ? []
        : told('mirrorBroken', data.current, data.current, data.stale, data.because)
    case 'MirrorDetached':
      return told('mirrorDetached', data.server, data.server, data.current, data.because)
    case 'MirrorJoined':
      return known?.stale === null ? [] : told('mirrorJoined', data.source, data.source, data.target)
    case 'MirrorResyncStarted':
      return told('mirrorResyncStarted', data.target, data.source, data.target, bytesInWords(data.totalBytes))
    case 'MirrorResyncInterrupted':
      return told('mirrorResyncInterrupted', data.target, data.target, data.because)
    case 'MirrorSideSeen': {
      const mirror = mirrorOf(after.mirrors, data.mirror)
      const verdict = mirror && sideOf(mirror, data.server).seen?.verdict
      if (verdict?.is === 'older') return told('mirrorSideOlder', data.server, data.server, verdict.because)
      return verdict?.is === 'unknown' ? told('mirrorSideUnknown', data.server, data.server, verdict.because) : []
    }
    case 'MirrorVerified':
      return data.differentBytes === 0
        ? told('mirrorVerified', data.server, bytesInWords(data.checkedBytes))
        : told('mirrorDiffers', data.server, bytesInWords(data.differentBytes), bytesInWords(data.checkedBytes))
    case 'MirrorForced':
      return told('mirrorForced', data.server, data.server, authorInWords(moment.by), data.lost)
    case 'MirrorSplit':
      return told('mirrorSplit', data.server, data.server, shortOf(data.generation))
    case 'MirrorRejoined':
      return told('mirrorRejoined', data.server, data.server)
    case 'MirrorDiskTrouble':
      return told('mirrorDiskTrouble', data.server, data.server, data.operation, troubleInWords(data))
    case 'MirrorProcessDied':
      return told('mirrorProcessDied', data.server, data.server, data.because)
    case 'MirrorConnectLost':
      return told('mirrorConnectLost', data.server, data.server, data.network, data.because)
    case 'MirrorConnectRestored':
      return told('mirrorConnectRestored', data.server, data.server, data.network)
    case 'MirrorOrderFinished':
      return data.outcome === 'failed' ? told('mirrorOrderFailed', data.server, data.server, data.detail) : []
    case 'MirrorResyncProgressed':
    case 'MirrorDirtyRecorded':
    case 'MirrorSideMeasured':
    case 'MirrorResized':
    case 'MirrorOrdered':
    case 'MirrorConnectAllowed':
      return []
    default:
      return type satisfies never
  }
}
