/** Alerts as syslog messages: RFC 5424 for the network, the traditional form for the socket of the machine itself. */
import type { Severity } from '../../projections/alert-catalogue.ts'
import type { Alert } from '../../projections/alerts.ts'
import { timestampOf } from './timestamp.ts'

/** Numbers of RFC 5424, table 1. */
const facilities = {
  daemon: 3,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const
export type Facility = keyof typeof facilities

/** Numbers of RFC 5424, table 2. */
const severities: Readonly<Record<Severity, number>> = { error: 3, warning: 4, info: 6 }

export type SyslogIdentity = {
  readonly facility: Facility
  readonly hostname: string
  readonly processId: number
  readonly cluster: string
}

/**
 * `rfc5424`: as collectors expect it. `local`: as syslog(3) writes it, without a time. Who reads /dev/log (journald,
 * rsyslog, busybox) stamps the time itself, and takes the header of RFC 5424 for a part of the text.
 */
export type SyslogForm = 'rfc5424' | 'local'

/** Every receiver should take this much (RFC 5424, 6.1); more may be cut anywhere, or dropped. */
export const longestDatagram = 2048

const appName = 'baton'
/** RFC 5612: the enterprise number for documentation and examples; Baton has none of its own. */
const structureId = 'baton@32473'
/** Names of the cluster are short; what is longer is none, and must not push the message out. */
const longestParameter = 64

export const formatAlert = (form: SyslogForm, alert: Alert, identity: SyslogIdentity): Uint8Array => {
  const priority = `<${facilities[identity.facility] * 8 + severities[alert.severity]}>`
  const id = `${alert.module}/${alert.id}`
  const structure = structureOf(alert, identity, id)
  const processId = printable(String(identity.processId), 128)
  if (form === 'local') return fitted(`${priority}${appName}[${processId}]: ${id} `, alert.message, ` ${structure}`)
  const header = [
    `${priority}1`,
    timestampOf(alert.at) ?? '-',
    printable(identity.hostname, 255),
    appName,
    processId,
    id,
    structure,
  ]
  // MSG is UTF-8, and says so by the byte order mark (RFC 5424, 6.4).
  return fitted(`${header.join(' ')} \uFEFF`, alert.message, '')
}

const structureOf = ({ sequence, server }: Alert, { cluster }: SyslogIdentity, id: string): string => {
  const parameters = { cluster, seq: String(sequence), id, ...(server === null ? {} : { server }) }
  const written = Object.entries(parameters).map(([name, value]) => `${name}="${escaped(value)}"`)
  return `[${structureId} ${written.join(' ')}]`
}

const escaped = (value: string): string =>
  value
    .toWellFormed()
    .slice(0, longestParameter)
    .toWellFormed()
    .replaceAll(/["\\\]]/g, '\\$&')
    .replaceAll(/\p{Cc}/gu, ' ')

/** PRINTUSASCII of the RFC: no space, no control character. */
const printable = (text: string, longest: number): string => text.replaceAll(/[^!-~]/g, '').slice(0, longest) || '-'

/** Shortens the middle until everything fits; a cut message ends in an ellipsis. */
const fitted = (head: string, message: string, tail: string): Uint8Array => {
  const room = longestDatagram - Buffer.byteLength(head) - Buffer.byteLength(tail)
  return Buffer.from(`${head}${clipped(message, room)}${tail}`)
}

const ellipsis = '…'

/** At most `bytes` bytes of UTF-8, cut between characters. */
export const clipped = (text: string, bytes: number): string => {
  const whole = Buffer.from(text)
  if (whole.length <= bytes) return text
  let end = Math.max(0, bytes - Buffer.byteLength(ellipsis))
  // A byte 10xxxxxx goes on with a character that began before.
  while (end > 0 && ((whole[end] ?? 0) & 0xc0) === 0x80) end--
  return `${whole.toString('utf8', 0, end)}${ellipsis}`
}
