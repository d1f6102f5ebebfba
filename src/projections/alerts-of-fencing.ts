/** What there is to tell of events of the stream `fencing`. */
import type { FencingEvent } from '../events/index.ts'
import { authorInWords, listed, secondsOf } from './alert-words.ts'
import type { Scene, Told } from './alerts.ts'
import { pendingOf } from './fencing.ts'
import { actionInWords } from './words-of-fencing.ts'

export const tellFencing = ({ type, data }: FencingEvent, { before, moment }: Scene): readonly Told[] => {
  if (type === 'FenceDeviceLost' || type === 'FenceDeviceRestored') {
    const isKnown = Object.hasOwn(before.fencing.lostDevices, data.device)
    if (isKnown === (type === 'FenceDeviceLost')) return []
    if (type === 'FenceDeviceRestored') return [{ name: 'fenceDeviceRestored', server: null, values: [data.device] }]
    return [{ name: 'fenceDeviceLost', server: data.by, values: [data.device, data.by, data.because] }]
  }
  const told = (name: Told['name'], ...values: readonly string[]): readonly Told[] => [
    { name, server: data.server, values: [data.server, ...values] },
  ]
  if (type === 'FinalActionOrdered') return told('finalActionOrdered', actionInWords[data.action], data.because)
  if (type === 'FinalActionFailed') return told('finalActionFailed', data.action, data.because)
  const open = pendingOf(before.fencing, data)
  if (type === 'FencingRequested') {
    if (!open) return told('fencingRequested', listed(data.groups), data.executor, data.because)
    // Servers that have failed try in turn, for ever.
    return open.failures?.[data.executor] ? [] : told('fencingTakenOver', data.executor, data.because)
  }
  // What is late has no effect.
  if (!open) return []
  switch (type) {
    case 'FencingFailed':
      // Told again only when the reason is another: it is tried for ever.
      return open.failures?.[data.executor] === data.because
        ? []
        : told('fencingFailed', String(data.attempt), data.because)
    case 'FencingConfirmed':
      return told('fencingConfirmed', listed(data.devices), String(data.level), secondsOf(data.ms), data.by)
    case 'FencingConfirmedByOperator':
      return told('fencingConfirmedByOperator', authorInWords(moment.by), data.note)
    case 'FencingUnneeded':
      return told('fencingUnneeded', data.because)
    case 'FencingForgone':
      return told('fencingForgone', data.because)
    default:
      return type satisfies never
  }
}
