/** Asks every fence device for its status from time to time: one that is dead is noticed before it is needed. */
import type { Event, FencingConfiguration, ServerName } from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { Recorder } from '../log/recorder.ts'
import type { Fencer } from './fence.ts'

export type DeviceWatchParts = {
  readonly me: ServerName
  readonly recorder: Recorder
  readonly fencer: Fencer
  /** Whether this is the server that asks: one is enough. */
  readonly isMyTurn: () => boolean
}

/** How soon a configuration with devices is noticed. */
const idleMs = 2000

/** Runs until the answer is called. */
export const deviceWatch = (world: World, parts: DeviceWatchParts): Cancel => {
  const ending = new AbortController()
  let cancel: Cancel = () => {}
  let askedAt = Number.NEGATIVE_INFINITY
  const round = async (): Promise<void> => {
    const state = parts.recorder.state()
    const fencing = state.configuration.current?.fencing
    const isDue =
      fencing && fencing.policy !== 'off' && fencing.check > 0 && world.clock.now() - askedAt >= fencing.check
    if (!fencing || !isDue || !parts.isMyTurn()) return
    askedAt = world.clock.now()
    for (const [device, servers] of serversByDevice(fencing)) await look(device, servers, fencing)
    await forgetRemoved(state, fencing)
  }
  const look = async (device: string, servers: readonly string[], fencing: FencingConfiguration): Promise<void> => {
    const configured = fencing.devices[device]
    // Without a question there is no answer to miss.
    if (!configured || (configured.type === 'command' && configured.status === undefined)) return
    let trouble: string | null = null
    for (const server of servers) {
      const seen = await parts.fencer.ask(server, device, fencing, ending.signal)
      if (seen.power === 'unknown') trouble ??= servers.length === 1 ? seen.because : `${server}: ${seen.because}`
    }
    if (!ending.signal.aborted) await tell(device, trouble)
  }
  const tell = async (device: string, trouble: string | null): Promise<void> => {
    await parts.recorder.submit(`fence device ${device}`, ({ fencing }) => {
      const isLost = Object.hasOwn(fencing.lostDevices, device)
      if (isLost === (trouble !== null)) return null
      const event: Event =
        trouble === null
          ? { type: 'FenceDeviceRestored', data: { device, by: parts.me } }
          : { type: 'FenceDeviceLost', data: { device, by: parts.me, because: trouble } }
      return { events: [event], because: {}, causedBy: null }
    })
  }
  const forgetRemoved = async ({ fencing }: State, { devices }: FencingConfiguration): Promise<void> => {
    for (const device of Object.keys(fencing.lostDevices)) if (!devices[device]) await tell(device, null)
  }
  const again = (): void => {
    if (ending.signal.aborted) return
    cancel = world.clock.after(idleMs, () => void round().finally(again))
  }
  again()
  return () => {
    ending.abort()
    cancel()
  }
}

/** Each device once, with every server that it is to fence. */
const serversByDevice = ({ levels }: FencingConfiguration): ReadonlyMap<string, readonly string[]> => {
  const servers = new Map<string, readonly string[]>()
  for (const [server, all] of Object.entries(levels))
    for (const device of new Set(all.flat())) servers.set(device, [...(servers.get(device) ?? []), server])
  return servers
}
