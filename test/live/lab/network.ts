/** The two networks each host is on: servers speak to each other on one, and to clients on the other. */
export type NetworkName = 'interconnect' | 'public'

export const networkNames: readonly NetworkName[] = ['interconnect', 'public']

/** What addresses begin with; labs have networks of their own, so two labs may use the same. */
export type Prefix = { readonly v4: string; readonly v6: string }

export const defaultPrefix: Prefix = { v4: '10.77', v6: 'fd77' }

/** `number` tells the networks apart in addresses and MACs; `interface` is its name inside every host. */
const networks = {
  interconnect: { number: 1, interface: 'ic0', port: 'ic' },
  public: { number: 2, interface: 'pub0', port: 'pub' },
} as const satisfies Record<NetworkName, object>

/** A host's end of a network: the interface inside the host, and the bridge port it hangs on. */
export type Link = {
  readonly network: NetworkName
  readonly interface: string
  readonly port: string
  readonly mac: string
  readonly address: string
  readonly address6: string
}

export type Place = { readonly name: string; readonly links: Readonly<Partial<Record<NetworkName, Link>>> }

/** Interface names end after 15 characters; `.pub` is the longest thing added to a host's name. */
const longestHostName = 11

/** Where a host stands: everything that follows from its name and its number. */
export const placeOf = (name: string, number: number, on: readonly NetworkName[], prefix: Prefix): Place => {
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.length > longestHostName) throw new Error(`not a host name: ${name}`)
  const link = (network: NetworkName): Link => ({
    network,
    interface: networks[network].interface,
    port: `${name}.${networks[network].port}`,
    mac: `02:ba:70:0${networks[network].number}:00:${number.toString(16).padStart(2, '0')}`,
    address: `${prefix.v4}.${networks[network].number}.${number}`,
    address6: `${prefix.v6}:${networks[network].number}::${number}`,
  })
  return { name, links: Object.fromEntries(on.map((network) => [network, link(network)])) }
}

export const linksOf = (place: Place): readonly Link[] => networkNames.flatMap((network) => place.links[network] ?? [])

/** The lab's own namespace: two bridges that forward at once, and nothing that speaks by itself. */
export const bridgesScript = (): string => `
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
${batch(
  networkNames.flatMap((network) => [
    `link add ${network} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${network} up`,
  ]),
)}`

/** Lays a host's cables: new ones each time, with the same MACs, into the network namespace of process `pid`. */
export const plugScript = (place: Place, pid: number): string => {
  const links = linksOf(place)
  const labSide = links.flatMap(({ port, interface: name, mac, network }) => [
    `link add ${port} type veth peer name ${name} address ${mac} netns ${pid}`,
    `link set ${port} master ${network} up`,
  ])
  // Nobody else can have these addresses, so nothing is gained by looking for duplicates before using them.
  const hostSide = links.flatMap(({ interface: name, address, address6 }) => [
    `addr add ${address}/24 dev ${name}`,
    `addr add ${address6}/64 dev ${name} nodad`,
    `link set ${name} up`,
  ])
  return `${batch(labSide)}
nsenter --net=/proc/${pid}/ns/net ${batch(['link set lo up', ...hostSide])}`
}

export const carrierScript = (ports: readonly string[], state: 'up' | 'down'): string =>
  batch(ports.map((port) => `link set ${port} ${state}`))

/** A packet of the largest size passes; two more may wait. */
const burstBytes = 1600

/** By tbf, since not every kernel has netem: beats come late as they do on a line that is too slow for them. */
export const rateScript = (port: string, kilobitsPerSecond: number | null): string =>
  kilobitsPerSecond === null
    ? `tc qdisc del dev ${port} root`
    : `tc qdisc add dev ${port} root tbf rate ${kilobitsPerSecond}kbit burst ${burstBytes} limit ${2 * burstBytes}`

/**
 * Frees the ports' names for the next power-on. Deleting the lab's end deletes the other at once, while the host's
 * namespace takes its own end with it only some time after its processes; whichever comes first is fine.
 */
export const unplugScript = (place: Place): string =>
  linksOf(place)
    .map(({ port }) => `ip link del ${port} 2>/dev/null || ! ip link show ${port} >/dev/null 2>&1`)
    .join('\n')

const batch = (lines: readonly string[]): string => `ip -batch - <<'BATCH'\n${lines.join('\n')}\nBATCH`
