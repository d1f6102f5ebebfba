/** What happened to servers that had to be proven off, in words: one sentence for every event. */
import type { FencingEvent, MachineAction } from '../events/index.ts'
import type { FencingState } from './fencing.ts'
import { durationInWords, listInWords } from './wording.ts'

export const describeFencing = ({ type, data }: FencingEvent): string => {
  switch (type) {
    case 'FencingRequested':
      return `${data.server} must be proven off before ${listInWords(data.groups)} may run elsewhere: ${data.executor} fences it (${data.because})`
    case 'FencingFailed':
      return `${data.server} could not be fenced, attempt ${data.attempt}: ${data.because}`
    case 'FencingConfirmed':
      return `${data.server} was fenced by ${listInWords(data.devices)} (level ${data.level}) within ${durationInWords(data.ms)}, ordered by ${data.by}`
    case 'FencingConfirmedByOperator':
      return `${data.server} is off by the word of an operator${data.note === '' ? '' : `: ${data.note}`}`
    case 'FencingUnneeded':
      return `${data.server} need not be fenced: ${data.because}`
    case 'FencingForgone':
      return `${data.server} is not proven off, and its groups go on all the same: ${data.because}`
    case 'FenceDeviceLost':
      return `fence device ${data.device} does not answer ${data.by}: ${data.because}`
    case 'FenceDeviceRestored':
      return `fence device ${data.device} answers again`
    case 'FinalActionOrdered':
      return `final action: ${data.server} ${actionInWords[data.action]}, because ${data.because}`
    case 'FinalActionFailed':
      return `the final action of ${data.server} (${data.action}) failed: ${data.because}`
    default:
      return type satisfies never
  }
}

/** What is so now, and what is safe to do about it. */
export const fencingBanners = ({ pending, lostDevices, finalActions }: FencingState): readonly string[] => [
  ...Object.values(pending).map(({ server, groups, attempts, executor, lastFailure }) => {
    const soFar = lastFailure === null ? `${executor} fences it now` : `attempt ${attempts} failed: ${lastFailure}`
    return `${server} is down and NOT PROVEN OFF: ${listInWords(groups)} may still run there, so nobody else starts it (${soFar}). Safe to do: switch ${server} off by hand and see that it is off, then baton server confirm-off ${server}`
  }),
  ...Object.entries(lostDevices).map(([device, { because }]) => `fence device ${device} does not answer: ${because}`),
  ...Object.entries(finalActions).map(
    ([server, { action, because, failed }]) =>
      `final action: ${server} ${actionInWords[action]}, because ${because}${failed === null ? '' : `; it failed: ${failed}`}`,
  ),
]

export const actionInWords: Readonly<Record<MachineAction, string>> = {
  shutdown: 'shuts its operating system down',
  reboot: 'restarts its operating system',
  panic: 'lets its kernel panic',
  'keepalive-reset': 'lets its keepalive device reset it',
  'keepalive-panic': 'lets its keepalive device make it panic',
  'bmc-reset': 'resets itself by its BMC',
  'bmc-off': 'switches itself off by its BMC',
  'bmc-cycle': 'switches itself off and on by its BMC',
  'bmc-nmi': 'sends itself an NMI by its BMC',
}
