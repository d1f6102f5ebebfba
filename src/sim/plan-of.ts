/** The plan of a simulated cluster that has somebody's own configuration. */
import { type Configuration, networksOf } from '../events/index.ts'
import type { ClusterPlan } from './plan.ts'

const anyMirror = { mode: 'sync', initial: 'full', patience: 1, regionSize: 4096 } as const

/** Why a configuration cannot be simulated; null when it can. */
export const unfitFor = ({ fencing, groups }: Configuration): string | null => {
  const device = Object.entries(fencing.devices).find(([, { type }]) => type === 'agent' || type === 'vm')
  if (device) return `fence devices of type ${device[1].type} are not simulated yet (${device[0]})`
  const large = Object.values(groups)
    .flatMap(({ resources }) => Object.entries(resources))
    .find(([, one]) => one.type === 'md' && one.blockSize > mostBlock)
  return large ? `mirror disks are simulated with blocks of at most ${mostBlock} bytes (${large[0]})` : null
}
/** Simulated disks are in memory, and looked through at every step. */
const mostBlock = 262_144

/** `source`: with the text of its scripts inside. */
export const planOf = (configuration: Configuration, source: string): ClusterPlan => {
  const { servers, witness, topology, heartbeat, groups, fencing, watchdog, startSync, npResolution } = configuration
  const has = (key: 'com' | 'diskHeartbeat') => servers.some((server) => server[key] !== undefined)
  const pinged = [...(npResolution.ping?.targets ?? []), ...(npResolution.ping?.groups ?? []).flat()]
  const { policy, action } = fencing
  return {
    servers: servers.length,
    hasWitness: witness !== undefined,
    networks: networksOf(configuration),
    timeoutMs: heartbeat.timeout,
    intervalMs: heartbeat.interval,
    clockRateError: heartbeat.clockRateError,
    startSyncMs: startSync,
    pair: topology === 'pair' ? { isSound: false } : null,
    hasCable: has('com'),
    hasSharedDisk: has('diskHeartbeat'),
    hasWebWitness: heartbeat.witness !== undefined,
    hasControllers: servers.some(({ bmc }) => bmc !== undefined),
    pingTargets: pinged.length,
    ...(policy === 'off' ? {} : { fencing: { policy, action } }),
    hasWatchdog: watchdog.device !== 'none' || servers.every((server) => (server.watchdog ?? 'none') !== 'none'),
    groups: Object.entries(groups).map(([name, { resources }]) => ({
      name,
      resources: Object.keys(resources).length,
      // Only what makes configurations needs the rest; here there is one.
      failover: 'auto',
      failback: 'manual',
      exclusion: 'off',
      retries: 0,
      failovers: 0,
      monitorMs: null,
      home: 0,
      ...(Object.values(resources).some(({ type }) => type === 'md') ? { mirror: anyMirror } : {}),
    })),
    source,
  }
}
