/** The configuration of a voter's log server. JSON, which its own syntax includes: nothing needs quoting rules. */
import { hostPort, isLoopback, type KitVoter, kitFiles, type VoterKit } from '../voter/voter-kit.ts'

export type LogServerPlaces = {
  /** For the log itself: not on a mirrored disk, nor on a busy one. */
  readonly storeDirectory: string
  readonly logFile: string
  /** How much the log may take on disk, in bytes; at this limit appends are refused. */
  readonly storeBytes: number
}

/** Values are those measured in docs/log-server.md. */
export const logServerConfiguration = (kit: VoterKit, places: LogServerPlaces): string => {
  const { identity, own, nkeys } = kit
  const tls = {
    cert_file: `${kit.directory}/${kitFiles.certificate}`,
    key_file: `${kit.directory}/${kitFiles.key}`,
    ca_file: `${kit.directory}/${kitFiles.ca}`,
    verify: true,
    timeout: 3,
    min_version: '1.3',
  }
  // A hung peer is found within 3 pings.
  const pings = { ping_interval: '2s', ping_max: 2 }
  const keepers = identity.voters.filter((v) => v.hasLog)
  const configuration = {
    server_name: own.name,
    listen: hostPort(listenAddress(own), own.ports.log),
    ...pings,
    write_deadline: '5s',
    max_payload: 524_288,
    tls,
    jetstream: {
      store_dir: places.storeDirectory,
      max_mem: 67_108_864,
      max_file: places.storeBytes,
      // The default syncs every 2 min and has lost acknowledged commits.
      sync_interval: 'always',
      strict: true,
    },
    // With one voter there is no cluster block: its log server would wait for others for ever.
    ...(keepers.length > 1 &&
      identity.topology !== 'pair' && {
        cluster: {
          name: identity.cluster,
          listen: hostPort(listenAddress(own), own.ports.route),
          routes: routes(own, keepers),
          no_advertise: true,
          ...pings,
          // Whoever publishes writes to the routes itself. A peer that lost its power answers nothing: its socket's buffer
          // (16 KiB at first) is full within a second, and everything published here would wait for as long as this.
          write_deadline: '50ms',
          tls,
        },
      }),
    accounts: {
      SYS: { users: [{ nkey: nkeys.system.public }] },
      BATON: {
        jetstream: 'enabled',
        users: [
          { nkey: nkeys.agent.public },
          { nkey: nkeys.reader.public, permissions: readerPermissions(identity.cluster) },
        ],
      },
    },
    system_account: 'SYS',
    log_file: places.logFile,
    logfile_size_limit: 10_485_760,
    logfile_max_num: 5,
  }
  return `${JSON.stringify(configuration, null, 2)}\n`
}

const readerPermissions = (cluster: string) => ({
  publish: ['STREAM.INFO', 'STREAM.MSG.GET', 'DIRECT.GET'].map((verb) => `$JS.API.${verb}.BATON_${cluster}`),
  subscribe: ['_INBOX.>', `baton.${cluster}.feed.>`],
})

/**
 * To every other keeper of the log, over the first network that both are on. One route each: at its first start
 * nats-server takes their number for that of the voters, and with two for each no leader was ever elected.
 */
const routes = (own: KitVoter, keepers: readonly KitVoter[]): readonly string[] =>
  keepers
    .filter((v) => v.name !== own.name)
    .flatMap(({ addresses, ports }) => {
      const common = Object.keys(own.addresses).find((network) => addresses[network] !== undefined)
      const address = common === undefined ? Object.values(addresses)[0] : addresses[common]
      return address === undefined ? [] : [`nats-route://${hostPort(address, ports.route)}`]
    })

/** Every address of the machine, as they may come and go; only a demonstration on loopback stays on loopback. */
const listenAddress = ({ addresses }: KitVoter): string => {
  const [first, ...others] = new Set(Object.values(addresses))
  if (first !== undefined && others.length === 0 && isLoopback(first)) return first
  return [first, ...others].some((address) => address?.includes(':')) ? '::' : '0.0.0.0'
}
