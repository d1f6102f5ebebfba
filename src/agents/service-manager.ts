/** systemd's notification protocol (sd_notify(3)): ready, a line of status, and signs of life. */
import type { World } from '../world/world.ts'

export type ServiceManager = {
  readonly ready: () => void
  readonly status: (line: string) => void
  readonly stopping: () => void
}

const nobody: ServiceManager = { ready: () => {}, status: () => {}, stopping: () => {} }

/** `socket`: NOTIFY_SOCKET, `watchdogMs`: WATCHDOG_USEC in ms; null where no service manager started us. */
export const serviceManager = (
  world: Pick<World, 'clock' | 'localDatagrams'>,
  { socket, watchdogMs }: { readonly socket: string | null; readonly watchdogMs: number | null },
): ServiceManager => {
  if (socket === null || !socket.startsWith('/')) return nobody
  const datagrams = world.localDatagrams()
  const notify = (text: string) => {
    try {
      datagrams.send(socket, Buffer.from(text))
    } catch {
      // The service manager does not listen: nothing that we could do about it would help anybody.
    }
  }
  const live = (everyMs: number) => {
    notify('WATCHDOG=1')
    world.clock.after(everyMs, () => live(everyMs))
  }
  // sd_watchdog_enabled(3): half the time is the recommended interval.
  if (watchdogMs !== null) live(watchdogMs / 2)
  return {
    ready: () => notify('READY=1'),
    status: (line) => notify(`STATUS=${line}`),
    stopping: () => notify('STOPPING=1'),
  }
}
