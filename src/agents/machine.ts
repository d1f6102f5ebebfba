/** What the processes of this product run on: this machine, or one of the simulation's. */
import { release, type } from 'node:os'
import { pino } from 'pino'
import { realWorld } from '../world/real.ts'
import { realWatchdogs, type Watchdogs } from '../world/watchdog.ts'
import type { World } from '../world/world.ts'
import type { beatCodec } from './heartbeats/beat-codec.ts'
import type { OpenLogLink, Say } from './log/log-link.ts'
import { quorumLogLink } from './log/quorum-log-link.ts'
import type { Mirrors } from './mirror/mirrors.ts'
import { monitorDrivers } from './monitors/drivers.ts'
import { pairLogLink } from './pair/nats-pair.ts'
import type { ResourceDriver } from './resources/driver.ts'
import { drivenMirrors, resourceDrivers } from './resources/drivers.ts'

export type Machine = {
  readonly world: World
  readonly openLog: OpenLogLink
  readonly resourceDrivers: ReturnType<typeof resourceDrivers>
  readonly monitorDrivers: ReturnType<typeof monitorDrivers>
  /** Without it, beats are put into bytes as beat-codec.ts does it. */
  readonly beatCodec?: typeof beatCodec
  /** What an agent activates mirror disks with; without it there are none. */
  readonly mirrorDriver?: (mirrors: Mirrors) => ResourceDriver
  /** Without it there is no watchdog. */
  readonly watchdogs?: Watchdogs
  readonly osName: string
  readonly osVersion: string
  /** The diary of a process, by its name. */
  readonly diary: (process: string) => Say
}

/** `natsServer`: path of nats-server. */
export const realMachine = (natsServer: string): Machine => {
  const world = realWorld()
  return {
    world,
    openLog: (inWorld, options) =>
      (options.kit.identity.topology === 'pair' ? pairLogLink : quorumLogLink)(natsServer)(inWorld, options),
    resourceDrivers: resourceDrivers(world),
    monitorDrivers: monitorDrivers(world),
    mirrorDriver: (mirrors) => drivenMirrors(world, mirrors),
    watchdogs: realWatchdogs,
    osName: type(),
    osVersion: release(),
    diary: (name) => {
      const log = pino({ name })
      return (what, fields) => log.info(fields, what)
    },
  }
}
