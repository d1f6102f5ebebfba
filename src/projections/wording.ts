/** How commands, durations and lists are worded. */
import type { Command } from '../events/index.ts'

/** `812 ms`, `1.25 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`. */
export const durationInWords = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1000)
  const two = (large: number, unit: string, small: number, smallUnit: string) =>
    small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min')
  return two(Math.floor(minutes / 1440), 'd', Math.floor((minutes % 1440) / 60), 'h')
}

/** `512 bytes`, `4.0 KiB`, `1.5 GiB`. */
export const bytesInWords = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} bytes`
  const power = Math.min(sizes.length, Math.floor(Math.log2(bytes) / 10))
  const size = bytes / 1024 ** power
  return `${size < 100 ? size.toFixed(1) : Math.round(size)} ${sizes[power - 1]}`
}
const sizes = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `a`, `a and b`, `a, b and c`; `nobody` when there is none. */
export const listInWords = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? 'nobody') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

export const onWhich = (server: string | null): string => (server === null ? 'on every server' : `on ${server}`)

/** What a person asked for: `move group web to s2`. */
export const describeCommand = (command: Command): string => {
  const to = 'server' in command && command.server !== null ? ` to ${command.server}` : ''
  switch (command.do) {
    case 'start-group':
      return `start group ${command.group}${command.server === null ? '' : ` on ${command.server}`}`
    case 'stop-group':
      return `stop group ${command.group}`
    case 'move-group':
      return `move group ${command.group}${to}`
    case 'failover-group':
      return `fail over group ${command.group}${to}`
    case 'start-resource':
      return `start resource ${command.resource} of ${command.group}`
    case 'stop-resource':
      return `stop resource ${command.resource} of ${command.group}`
    case 'suspend-monitor':
      return `suspend monitor ${command.monitor} ${onWhich(command.server)}`
    case 'resume-monitor':
      return `resume monitor ${command.monitor} ${onWhich(command.server)}`
    case 'enable-dummy-failure':
      return `let monitor ${command.monitor} fail for practice ${onWhich(command.server)}`
    case 'disable-dummy-failure':
      return `end the practice failure of monitor ${command.monitor} ${onWhich(command.server)}`
    case 'start-cluster':
      return 'start the cluster'
    case 'stop-cluster':
      return 'stop the cluster'
    case 'suspend-cluster':
      return 'suspend the cluster'
    case 'resume-cluster':
      return 'resume the cluster'
    case 'stop-server':
      return `stop server ${command.server}`
    case 'start-server':
      return `start server ${command.server}`
    case 'skip-start-sync':
      return 'start groups without the missing servers'
    case 'stretch-timeout':
      return `stretch the heartbeat time-out ${command.ratio} times for ${durationInWords(command.forMs)}`
    case 'restore-timeout':
      return 'end the stretching of the heartbeat time-out'
    case 'readmit-voter':
      return `readmit voter ${command.voter}`
    case 'confirm-off':
      return `take it that ${command.server} is off${command.note === '' ? '' : `: ${command.note}`}`
    case 'fence-server':
      return `fence ${command.server} again`
    case 'init-mirror':
    case 'resync-mirror':
    case 'force-mirror':
    case 'break-mirror':
    case 'connect-mirror':
    case 'verify-mirror':
    case 'split-mirror':
    case 'rejoin-mirror':
    case 'replace-mirror-disk':
    case 'resize-mirror':
      return describeMirrorCommand(command)
    case 'apply-configuration':
      return `apply a configuration${command.note === '' ? '' : `: ${command.note}`}`
    default:
      return command satisfies never
  }
}

const describeMirrorCommand = (command: Extract<Command, { mirror: unknown }>): string => {
  switch (command.do) {
    case 'init-mirror':
      return `initialise mirror ${command.mirror}${command.from === null ? '' : ` from ${command.from}`}`
    case 'resync-mirror':
      return `resynchronise ${command.full ? 'all of ' : ''}mirror ${command.mirror}`
    case 'force-mirror':
      return `make the copy of ${command.server} the current one of mirror ${command.mirror}`
    case 'break-mirror':
      return `break mirror ${command.mirror}`
    case 'connect-mirror':
      return `let the sides of mirror ${command.mirror} connect`
    case 'verify-mirror':
      return `verify mirror ${command.mirror}`
    case 'split-mirror':
      return `split mirror ${command.mirror}`
    case 'rejoin-mirror':
      return `rejoin mirror ${command.mirror}`
    case 'replace-mirror-disk':
      return `take in the replaced disk of ${command.server} in mirror ${command.mirror}`
    case 'resize-mirror':
      return `resize mirror ${command.mirror}`
    default:
      return command satisfies never
  }
}
