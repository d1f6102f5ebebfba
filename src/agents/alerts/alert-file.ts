/** The alert log of a server: a line an alert, for people, `less` and `grep`. */
import type { Alert } from '../../projections/alerts.ts'
import type { Files } from '../../world/world.ts'
import { AlertNotSent, type AlertTarget } from './target.ts'
import { timestampOf } from './timestamp.ts'

/** Some ten thousand alerts. The current file and two older ones, `.1` and `.2`, are kept. */
export const alertFileBytes = 1_048_576

/** `2026-11-20T16:08:53.007Z error   rc/32  s1 #123 Activating app resource has failed.(99 : command is timeout)` */
export const alertLine = ({ at, severity, module, id, server, sequence, message }: Alert): string =>
  [
    timestampOf(at) ?? '-',
    severity.padEnd(7),
    `${module}/${id}`.padEnd(6),
    server?.replaceAll(/[\s\p{Cc}]/gu, '?') ?? '-',
    `#${sequence}`,
    message,
  ].join(' ')

export const alertFile = (
  files: Files,
  { path, maxBytes = alertFileBytes }: { readonly path: string; readonly maxBytes?: number },
): AlertTarget => {
  let size: number | null = null
  return {
    name: 'file',
    send: async (alerts) => {
      const lines = alerts.map((alert) => `${alertLine(alert)}\n`).join('')
      const added = Buffer.byteLength(lines)
      try {
        size ??= await files.size(path)
        if (size > 0 && size + added > maxBytes) {
          await files.rotate(path)
          size = 0
        }
        await files.append(path, lines)
        size += added
      } catch (cause) {
        // How much of it is there is to be asked anew.
        size = null
        throw new AlertNotSent(`alerts could not be written to ${path}`, { cause })
      }
    },
    close: () => undefined,
  }
}
