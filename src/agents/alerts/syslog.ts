/** Alerts go to syslog: of the machine itself, by its socket, and of a collector, by UDP. Nothing here ever waits long. */

import type { UnixDatagrams } from '../../world/unix-datagram.ts'
import type { Clock, DatagramSocket, World } from '../../world/world.ts'
import { pause } from './pause.ts'
import { formatAlert, type SyslogForm, type SyslogIdentity } from './syslog-format.ts'
import { AlertNotSent, type AlertTarget } from './target.ts'

export const localSocket = '/dev/log'

/** A burst may fill the queue of the socket for a moment; a reader that hangs must not hold up the other targets. */
const patience = { pauseMs: 20, attempts: 10 }

/** By a UNIX datagram socket. */
export const localSyslog = (
  { clock, datagrams }: { readonly clock: Clock; readonly datagrams: UnixDatagrams },
  {
    identity,
    path = localSocket,
    form = 'local',
  }: { readonly identity: SyslogIdentity; readonly path?: string; readonly form?: SyslogForm },
): AlertTarget => {
  const sendOne = async (bytes: Uint8Array): Promise<void> => {
    for (let attempt = 0; attempt < patience.attempts; attempt++) {
      if (attempt > 0) await pause(clock, patience.pauseMs)
      if (trySend(datagrams, path, bytes) === 'sent') return
    }
    throw new AlertNotSent(`${path} is full`)
  }
  return {
    name: 'syslog',
    send: async (alerts) => {
      for (const alert of alerts) await sendOne(formatAlert(form, alert, identity))
    },
    close: () => datagrams.close(),
  }
}

const trySend = (datagrams: UnixDatagrams, path: string, bytes: Uint8Array): 'sent' | 'full' => {
  try {
    return datagrams.send(path, bytes)
  } catch (cause) {
    throw new AlertNotSent(`nobody takes datagrams at ${path}`, { cause })
  }
}

/** How long a resolved name is believed, and an unresolvable one not tried again. */
const believedMs = 60_000
const resolutionMs = 3_000

type Peer = { readonly address: string; readonly port: number }

/** By UDP (RFC 5426), one datagram an alert. What happens to it afterwards nobody knows. */
export const udpSyslog = (
  world: Pick<World, 'clock' | 'datagrams' | 'processes'>,
  { identity, collector }: { readonly identity: SyslogIdentity; readonly collector: string },
): AlertTarget => {
  const { host, port } = splitHostAndPort(collector)
  const addressOf = resolver(world, host)
  let socket: { readonly family: 4 | 6; readonly open: DatagramSocket } | null = null
  const socketFor = async ({ address }: Peer): Promise<DatagramSocket> => {
    const family = address.includes(':') ? 6 : 4
    if (socket?.family === family) return socket.open
    socket?.open.close()
    socket = null
    const any = { address: family === 6 ? '::' : '0.0.0.0', port: 0 }
    const open = await world.datagrams.bind(any, () => undefined)
    socket = { family, open }
    return open
  }
  return {
    name: `syslog ${collector}`,
    send: async (alerts) => {
      const peer = { address: await addressOf(), port }
      let open: DatagramSocket
      try {
        open = await socketFor(peer)
      } catch (cause) {
        throw new AlertNotSent(`no socket for ${collector}`, { cause })
      }
      for (const alert of alerts) open.send(formatAlert('rfc5424', alert, identity), peer)
    },
    close: () => {
      socket?.open.close()
      socket = null
    },
  }
}

/** `log.example:514`, `10.0.0.9:514`, `[fd00::9]:514`. */
export const splitHostAndPort = (text: string): { readonly host: string; readonly port: number } => {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(colon + 1)) }
}

/**
 * The address of a host. Names are resolved by a process of its own: Node would do it in the few threads that all
 * disk access shares, and a name server that is silent would hold up the agent for seconds.
 */
const resolver = (world: Pick<World, 'clock' | 'processes'>, host: string): (() => Promise<string>) => {
  if (/^[\d.]+$/.test(host) || host.includes(':')) return async () => host
  let known: { readonly address: string | null; readonly since: number } | null = null
  return async () => {
    const now = world.clock.now()
    if (!known || now - known.since >= believedMs) {
      const found = await world.processes.run(['getent', 'ahosts', host], { timeoutMs: resolutionMs })
      const address = found.code === 0 ? found.stdout.split(/\s/, 1)[0] || null : null
      known = { address, since: now }
    }
    if (known.address === null) throw new AlertNotSent(`the name ${host} does not resolve`)
    return known.address
  }
}
