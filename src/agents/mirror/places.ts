/** Where the data plane of a mirror disk has its files on a server, and what it is told when it is started. */
import {
  configuredMirrors,
  groupOfMirror,
  mirrorConfigurationOf,
  otherOf,
  pairOf,
} from '../../decisions/mirror-pair.ts'
import { networksOf, type ServerName } from '../../events/index.ts'
import { mirrorOf } from '../../projections/mirrors.ts'
import type { State } from '../../projections/state.ts'
import { kitFiles } from '../voter/voter-kit.ts'

export type MirrorPlace = {
  readonly logDirectory: string
  /** Distinguishes the servers of one machine. */
  readonly instance: string
  readonly group: string
  readonly resource: string
}

/** What follows the name of the mirror. */
export const settingsEnding = '.mirror.settings'

/** Beside what other resources keep of their processes (exec-state.ts). */
export const mirrorPlaces = ({ logDirectory, instance, group, resource }: MirrorPlace) => {
  const base = `${logDirectory}/${group}.${resource}.mirror`
  return {
    settings: `${logDirectory}/${group}.${resource}${settingsEnding}`,
    control: `${base}.control`,
    nbd: `${base}.nbd`,
    output: `${base}.log`,
    // Loop devices are the machine's: no other server of it may have the same path.
    blockFile: `${logDirectory}/${instance}.${group}.${resource}.disk`,
    tag: `${instance}/mirror/${group}.${resource}`,
  }
}
export type MirrorPlaces = ReturnType<typeof mirrorPlaces>

export const placeOfMirror = (name: string, at: Pick<MirrorPlace, 'logDirectory' | 'instance'>): MirrorPlace => {
  const group = groupOfMirror(name)
  return { ...at, group, resource: name.slice(group.length + 1) }
}

/** The mirrors that have a copy on this server. */
export const mirrorsOn = (state: State, server: ServerName): readonly string[] =>
  configuredMirrors(state).filter((name) => pairOf(state, name).includes(server))

/** As text, for comparison; null while there is nothing to start: not configured here, or never constructed. */
export const settingsOf = (
  state: State,
  {
    name,
    me,
    places,
    kit,
  }: { readonly name: string; readonly me: ServerName; readonly places: MirrorPlaces; readonly kit: string },
): string | null => {
  const configuration = mirrorConfigurationOf(state, name)
  const id = mirrorOf(state.mirrors, name)?.id ?? null
  const peer = otherOf(state, name, me)
  if (configuration === null || id === null || peer === null) return null
  const {
    dataPartition,
    clusterPartition,
    mode,
    onDiskError,
    queueLimit,
    ackTimeout,
    compression,
    encryption,
    resync,
    keepalive,
  } = configuration
  const settings = {
    mirror: id,
    server: me,
    peer,
    data: ofServer(dataPartition, me),
    metadata: ofServer(clusterPartition, me),
    keyFile: `${kit}/${kitFiles.clusterKey}`,
    nbd: places.nbd,
    blockFile: configuration.attach === 'nbd' ? null : places.blockFile,
    control: places.control,
    connects: connectsOf(state, { me, peer, networks: configuration.connects ?? null, port: configuration.port }),
    tls: encryption
      ? { ca: `${kit}/${kitFiles.ca}`, certificate: `${kit}/${kitFiles.certificate}`, key: `${kit}/${kitFiles.key}` }
      : null,
    compress: compression,
    mode,
    onDiskError,
    ackMs: ackTimeout,
    pingMs: keepalive.interval,
    silenceMs: keepalive.timeout,
    queueBytes: queueLimit,
    blockBytes: configuration.blockSize,
    regionBytes: configuration.regionSize,
    resyncBytesPerSecond: resync.rate === 0 ? null : resync.rate * 1_048_576,
  }
  return `${JSON.stringify(settings, null, 2)}\n`
}

/** Of a path that is the same on both servers, or one for each. */
export const ofServer = (partition: string | Readonly<Record<string, string>>, server: string): string =>
  typeof partition === 'string' ? partition : (partition[server] ?? '')

type Ends = {
  readonly me: string
  readonly peer: string
  /** Null: all, the interconnect first. */
  readonly networks: readonly string[] | null
  readonly port: number
}

const connectsOf = (state: State, ends: Ends) => {
  const { me, peer, port } = ends
  return networksBetween(state, ends).map((network) => {
    const address = (server: string): string => addressesOf(state, server)[network] ?? ''
    return { own: { address: address(me), port }, peer: { address: address(peer), port } }
  })
}

const addressesOf = (state: State, server: string): Readonly<Record<string, string>> =>
  state.configuration.current?.servers.find(({ name }) => name === server)?.addresses ?? {}

/** Those that both servers have, the best first. */
const networksBetween = (state: State, { me, peer, networks }: Omit<Ends, 'port'>): readonly string[] => {
  const configuration = state.configuration.current
  if (configuration === null) return []
  const [own, theirs] = [addressesOf(state, me), addressesOf(state, peer)]
  return (networks ?? networksOf(configuration)).filter(
    (network) => own[network] !== undefined && theirs[network] !== undefined,
  )
}

/** Networks that a mirror is connected over, the best first: what a data plane calls its paths. */
export const connectNames = (state: State, name: string, me: ServerName): readonly string[] => {
  const peer = otherOf(state, name, me)
  const configuration = mirrorConfigurationOf(state, name)
  if (peer === null || configuration === null) return []
  return networksBetween(state, { me, peer, networks: configuration.connects ?? null })
}
