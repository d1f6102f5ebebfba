import { type NetworkName, networkNames, type Place } from './network.ts'

/** Which way is dead. For one host: `in` is what it receives. Between two: `out` is from the first to the second. */
export type Direction = 'both' | 'in' | 'out'

type Where = { readonly network: NetworkName | 'both'; readonly direction?: Direction }

/** A silent cut: frames vanish, every link keeps its carrier. */
export type Cut = Where & ({ readonly host: string } | { readonly between: readonly [string, string] })

/** The whole filter for the cuts in force, put in place in one transaction. */
export const cutsRules = (cuts: readonly Cut[], placeOf: (host: string) => Place): string => {
  const drops = cuts.flatMap((cut) => dropsOf(cut, placeOf))
  const ports = (kind: 'from' | 'to'): string[] =>
    drops.flatMap((drop) => (drop.kind === kind ? [`"${drop.port}"`] : []))
  const pairs = drops.flatMap((drop) => (drop.kind === 'pair' ? [`"${drop.from}" . "${drop.to}"`] : []))
  return `
table bridge cuts
delete table bridge cuts
table bridge cuts {
  set from { type ifname; ${elements(ports('from'))} }
  set to { type ifname; ${elements(ports('to'))} }
  set pairs { type ifname . ifname; ${elements(pairs)} }
  chain passing {
    type filter hook forward priority 0; policy accept;
    iifname @from drop
    oifname @to drop
    iifname . oifname @pairs drop
  }
}`
}

const elements = (names: readonly string[]): string =>
  names.length === 0 ? '' : `elements = { ${[...new Set(names)].join(', ')} }`

type Drop =
  | { readonly kind: 'from' | 'to'; readonly port: string }
  | { readonly kind: 'pair'; readonly from: string; readonly to: string }

const dropsOf = (cut: Cut, placeOf: (host: string) => Place): Drop[] => {
  const direction = cut.direction ?? 'both'
  const networks = cut.network === 'both' ? networkNames : [cut.network]
  return networks.flatMap((network): Drop[] => {
    if ('host' in cut) {
      const port = portOf(placeOf(cut.host), network)
      const out: Drop = { kind: 'from', port }
      return chosen(direction, out, { kind: 'to', port })
    }
    const [first, second] = cut.between.map((host) => portOf(placeOf(host), network))
    if (first === undefined || second === undefined) return []
    return chosen(direction, { kind: 'pair', from: first, to: second }, { kind: 'pair', from: second, to: first })
  })
}

const chosen = (direction: Direction, out: Drop, back: Drop): Drop[] =>
  direction === 'both' ? [out, back] : direction === 'out' ? [out] : [back]

const portOf = (place: Place, network: NetworkName): string => {
  const link = place.links[network]
  if (link === undefined) throw new Error(`${place.name} is not on the ${network} network`)
  return link.port
}
