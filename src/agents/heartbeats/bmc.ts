/**
 * H6: asks the management controllers (BMC) of the other servers whether they are there, and, where a fence device of
 * type ipmi is named, whether their machines have power. It is evidence, and no hearing: a controller answers for hours
 * beside a machine that is dead, and nobody counts as alive by it (liveness.md rule 11).
 */
import type { Configuration, Instant } from '../../events/index.ts'
import type { Cancel, DatagramSocket, World } from '../../world/world.ts'
import type { DeviceOf } from '../fencing/driver.ts'
import { ipmiCommand } from '../fencing/ipmi.ts'
import { rounds } from '../np/rounds.ts'
import { mostTags, parsePong, presencePing } from './rmcp.ts'

export type BmcState = {
  readonly server: string
  /** Null: could not be asked yet. */
  readonly isPresent: boolean | null
  /** By the controller's word; `unknown` where nobody can ask, or it did not say. */
  readonly power: 'on' | 'off' | 'unknown'
  /** When this was asked: it was so then, or later. */
  readonly at: Instant
}

export type BmcWatch = {
  readonly all: () => readonly BmcState[]
  /** The configuration may be another one: begins to ask when it named no controllers until now. */
  readonly look: () => void
  readonly stop: () => void
}

type Peer = {
  readonly name: string
  readonly address: string
  readonly port: number
  readonly device: DeviceOf<'ipmi'> | null
}

/** A lost datagram is no lost controller: asked so often within the time-out. */
const attempts = 3

type BmcWorld = Pick<World, 'clock' | 'datagrams' | 'processes'>

/** `me`: its own controller is not asked. */
export const bmcWatch = (
  world: BmcWorld,
  {
    me,
    configuration,
    changed,
  }: {
    readonly me: string
    readonly configuration: () => Configuration | null
    readonly changed: () => void
  },
): BmcWatch => {
  const states = new Map<string, BmcState>()
  const pinger = presencePinger(world)
  const peers = (): readonly Peer[] => peersOf(configuration(), me)

  const look = async (peer: Peer, timeoutMs: number): Promise<BmcState> => {
    const at = world.clock.now()
    const isPresent = await pinger.isPresent(peer, timeoutMs)
    const power = isPresent && peer.device ? await powerOf(world, peer.device, timeoutMs) : 'unknown'
    const state = { server: peer.name, isPresent, power, at }
    states.set(peer.name, state)
    changed()
    return state
  }
  const asking = rounds(world, {
    question: () => {
      const timing = configuration()?.heartbeat.bmc
      const asked = peers()
      return timing === undefined || asked.length === 0 ? null : { ...timing, asked }
    },
    ask: async ({ asked, timeout }) => {
      const found = await Promise.all(asked.map((peer) => look(peer, timeout)))
      return found.filter(({ isPresent }) => isPresent === true).map(({ server }) => server)
    },
    // Each is told as soon as it is known.
    changed: () => {},
  })
  return {
    all: () => peers().flatMap(({ name }) => states.get(name) ?? []),
    look: asking.look,
    stop: () => {
      asking.stop()
      pinger.close()
    },
  }
}

const peersOf = (current: Configuration | null, me: string): readonly Peer[] =>
  (current?.servers ?? []).flatMap(({ name, bmc }) => {
    if (bmc === undefined || name === me) return []
    const device = bmc.device === undefined ? undefined : current?.fencing.devices[bmc.device]
    return [{ name, address: bmc.address, port: bmc.port, device: device?.type === 'ipmi' ? device : null }]
  })

/** ipmitool needs more than a datagram there and back, and is killed when it takes too long. */
const powerMs = 5

const powerOf = async (world: BmcWorld, device: DeviceOf<'ipmi'>, timeoutMs: number): Promise<BmcState['power']> => {
  const command = ipmiCommand(device, 'chassis', 'power', 'status')
  const { code, stdout } = await world.processes.run(command, { timeoutMs: timeoutMs * powerMs })
  const said = code === 0 ? /Chassis Power is (on|off)/i.exec(stdout)?.[1]?.toLowerCase() : undefined
  return said === 'on' || said === 'off' ? said : 'unknown'
}

/** One socket per family for all controllers, bound when it is first needed. */
const presencePinger = (world: BmcWorld) => {
  const sockets = new Map<string, Promise<DatagramSocket>>()
  const waiting = new Map<string, () => void>()
  let tag = 0

  const received = (bytes: Uint8Array, from: { readonly address: string }): void => {
    const pong = parsePong(bytes)
    if (pong !== null) waiting.get(`${from.address} ${pong.tag}`)?.()
  }
  const socketFor = (address: string): Promise<DatagramSocket> => {
    const any = address.includes(':') ? '::' : '0.0.0.0'
    const known = sockets.get(any)
    if (known) return known
    const bound = world.datagrams.bind({ address: any, port: 0 }, received)
    sockets.set(any, bound)
    bound.catch(() => sockets.delete(any))
    return bound
  }
  return {
    /** Null when nobody can be asked: that is not silence. */
    isPresent: async (
      { address, port }: Pick<Peer, 'address' | 'port'>,
      timeoutMs: number,
    ): Promise<boolean | null> => {
      const socket = await socketFor(address).catch(() => null)
      if (socket === null) return null
      tag = (tag + 1) % mostTags
      const key = `${address} ${tag}`
      const question = presencePing(tag)
      return await new Promise<boolean>((resolve) => {
        const cancels: Cancel[] = []
        const finish = (isThere: boolean) => {
          waiting.delete(key)
          for (const cancel of cancels) cancel()
          resolve(isThere)
        }
        waiting.set(key, () => finish(true))
        socket.send(question, { address, port })
        for (let i = 1; i < attempts; i++)
          cancels.push(world.clock.after((timeoutMs * i) / attempts, () => socket.send(question, { address, port })))
        cancels.push(world.clock.after(timeoutMs, () => finish(false)))
      })
    },
    close: () => {
      for (const socket of sockets.values()) socket.then(({ close }) => close()).catch(() => {})
    },
  }
}
