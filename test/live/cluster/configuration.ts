/** The clusters of the live tests: two, three or five servers, on both networks of the lab. */
import type { Lab } from '../lab/lab.ts'

export const bannerPort = 8080
export const floating = '10.77.2.100'
export const otherFloating = '10.77.2.101'

const bannerServer = new URL('../lab/banner-server.pl', import.meta.url).pathname

/** Durations as people write them; the checker holds them against the inequality. */
export type Timing = Readonly<Record<'interval' | 'timeout' | 'release' | 'stop' | 'delay' | 'stall', string>>

/** `quick`: a lost server is given up after a second. */
export const quick: Timing = {
  interval: '80ms',
  timeout: '1s',
  release: '400ms',
  stop: '300ms',
  delay: '10ms',
  stall: '150ms',
}

/** `calm`: the product's own defaults; the agent has two seconds to come back before what it runs is taken down. */
export const calm: Timing = {
  interval: '200ms',
  timeout: '3s',
  release: '1s',
  stop: '800ms',
  delay: '20ms',
  stall: '200ms',
}

/** Where nothing is about how soon a crash is seen: the agent of a busy machine has nine seconds to come back. */
export const patient: Timing = {
  interval: '500ms',
  timeout: '12s',
  release: '3s',
  stop: '2400ms',
  delay: '20ms',
  stall: '1s',
}

export type Part = Readonly<Record<string, unknown>>

export type ClusterOptions = {
  /** Two servers have a witness beside them; three and five vote among themselves. */
  readonly servers?: 2 | 3 | 5
  readonly timing?: Timing
  readonly groups?: Readonly<Record<string, Part>>
  readonly monitors?: Readonly<Record<string, Part>>
  /** Anything else about a server, by its name. */
  readonly perServer?: Readonly<Record<string, Part>>
  /** Two servers and nobody else; a third host, `gw`, answers pings on both networks. */
  readonly isPair?: boolean
  /** Anything else at the top of the configuration; it may need addresses of the lab. */
  readonly more?: Part | ((lab: Lab) => Part)
  /** Of every agent, and so of all it starts. */
  readonly environment?: Readonly<Record<string, string>>
}

export const serversOf = ({ servers = 2 }: ClusterOptions): readonly string[] =>
  Array.from({ length: servers }, (_, index) => `s${index + 1}`)

export const votersOf = (options: ClusterOptions): readonly string[] =>
  serversOf(options).length === 2 && !options.isPair ? [...serversOf(options), 'w'] : serversOf(options)

/** Hosts of the lab: the voters, and what they ping. */
export const hostsOf = (options: ClusterOptions): readonly string[] => [
  ...votersOf(options),
  ...(options.isPair ? ['gw'] : []),
]

/** Pings as fast as a lease of 600 ms needs them. */
const pingsTo = (target: string): Part => ({ ping: { targets: [target], interval: '150ms', timeout: '200ms' } })

/** JSON is YAML. */
export const configurationOf = (lab: Lab, options: ClusterOptions): string => {
  const { timing = quick, groups = { web: webGroup() }, monitors = {}, perServer = {}, more = {} } = options
  const voter = (name: string) => ({ name, addresses: lab.host(name).address })
  const servers = serversOf(options)
  const hasWitness = votersOf(options).includes('w')
  const all = Object.entries(groups).map(([name, group]) => [name, { servers, ...group }])
  return JSON.stringify(
    {
      cluster: 'live',
      servers: servers.map((name) => ({ ...voter(name), ...perServer[name] })),
      ...(hasWitness ? { witness: voter('w') } : {}),
      ...(options.isPair ? { topology: 'pair', npResolution: pingsTo(lab.host('gw').address.public) } : {}),
      heartbeat: timing,
      alerts: { syslog: { local: false } },
      groups: Object.fromEntries(all),
      monitors,
      ...(typeof more === 'function' ? more(lab) : more),
    },
    null,
    2,
  )
}

/** A service that says who it is, on a floating address. */
export const webGroup = (more: Part = {}, at: { readonly name?: string; readonly address?: string } = {}): Part => {
  const { name = 'web', address = floating } = at
  return {
    ...more,
    resources: {
      [`${name}-address`]: { type: 'fip', address: `${address}/24` },
      [`${name}-server`]: banner({ after: [`${name}-address`] }, portOf(address)),
    },
  }
}

/** Two services cannot share a port: they listen on every address, so that two instances show wherever they are. */
export const portOf = (address: string): number => bannerPort + Number(address.split('.').at(-1)) - 100

/** The banner service as a resource that stays. */
export const banner = (more: Part = {}, port = bannerPort): Part => ({
  type: 'exec',
  start: `exec env BANNER_LIFE=$BATON_EPOCH-$(cut -d' ' -f1 /proc/uptime) perl ${bannerServer} ${port}`,
  activation: { timeout: '10s' },
  deactivation: { timeout: '5s' },
  ...more,
})
