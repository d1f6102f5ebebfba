/** What must be so between servers and witness: names, votes, networks, addresses, ports. */
import {
  metricsPlaceOf,
  networksOf,
  portsOf,
  type VoterConfiguration,
  votingMembersOf,
} from '../events/configuration.ts'
import { pairRules } from './configuration-pair-rules.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'
import { ipKey } from './ip-address.ts'

type Member = { readonly voter: VoterConfiguration; readonly path: Path }

/** All rules of this file. */
export const voterRules = (context: RuleContext): readonly Problem[] => {
  const members = membersOf(context)
  return [
    ...nameRule(context, members),
    ...votersRule(context, members),
    ...networkRule(context, members),
    ...addressRule(context, members),
    ...portRule(context, members),
    ...metricsRule(context, members),
  ]
}

const membersOf = ({ configuration: { servers, witness } }: RuleContext): readonly Member[] => [
  ...servers.map((voter, index) => ({ voter, path: ['servers', index] })),
  ...(witness ? [{ voter: witness, path: ['witness'] }] : []),
]

/** The first of the members before `index` for which `same` holds. */
const earlier = (members: readonly Member[], index: number, same: (other: VoterConfiguration) => boolean) =>
  members.slice(0, index).find(({ voter }) => same(voter))

const nameRule = ({ report }: RuleContext, members: readonly Member[]): readonly Problem[] =>
  members.flatMap(({ voter, path }, index) =>
    earlier(members, index, (other) => other.name === voter.name)
      ? [report({ path: [...path, 'name'], message: `there is a server ${voter.name} already`, remedy: 'rename it' })]
      : [],
  )

const votersRule = (context: RuleContext, members: readonly Member[]): readonly Problem[] => {
  const { configuration, report, broken } = context
  if (broken(['voters']) || broken(['witness']) || broken(['servers'])) return []
  const { voters, witness, servers } = configuration
  if (configuration.topology === 'pair') return pairRules(context)
  if (servers.length === 2 && !witness) {
    const message = 'two servers without a witness: when they lose each other, neither can know who may go on'
    return [
      report({
        path: ['servers'],
        place: 'key',
        message,
        remedy: 'add a witness, or a third server; or say topology: pair, after reading docs/pair.md',
      }),
    ]
  }
  if (voters) return listedVoters(context, voters, members)
  const count = votingMembersOf(configuration).length
  const several = `${servers.length} servers${witness ? ' and the witness' : ''}`
  if (count > 5) {
    const message = `${several} are too many voters`
    return [report({ path: ['servers'], place: 'key', message, remedy: 'list 3 or 5 of them as voters' })]
  }
  if (count % 2 === 0) {
    const message = `${several} are an even number of voters, which can be split in two halves`
    const remedy = `add a witness, or list ${count - 1} of them as voters`
    return [report({ path: ['servers'], place: 'key', message, remedy })]
  }
  if (!witness || count > servers.length) return []
  const message = `the witness has no vote: ${servers.length} servers are an odd number without it`
  const remedy = 'remove it, or list the voters'
  return [report({ path: ['witness'], place: 'key', message, remedy, severity: 'warning' })]
}

const listedVoters = (
  { report, configuration: { servers } }: RuleContext,
  voters: readonly string[],
  members: readonly Member[],
): readonly Problem[] => {
  const names = members.map(({ voter }) => voter.name)
  const problems = voters.flatMap((name, index) => {
    const path = ['voters', index]
    if (!names.includes(name)) {
      return [report({ path, message: `there is no server ${name}`, remedy: didYouMean(name, names) })]
    }
    return voters.indexOf(name) < index
      ? [report({ path, message: `${name} stands here twice`, remedy: 'remove it' })]
      : []
  })
  if (![1, 3, 5].includes(voters.length)) {
    const message = `${voters.length} voters: there must be 1, 3 or 5`
    problems.push(report({ path: ['voters'], place: 'key', message, remedy: 'add or remove one' }))
  } else if (voters.length === 1 && servers.length > 1) {
    const message = `when ${voters[0]} is down, every other server loses its lease and stops its groups`
    const remedy = 'list 3 voters'
    problems.push(report({ path: ['voters'], place: 'key', message, remedy, severity: 'warning' }))
  }
  return problems
}

const networkRule = (context: RuleContext, members: readonly Member[]): readonly Problem[] => {
  const { configuration, report, broken } = context
  const networks = networksOf(configuration)
  const first = Object.keys(configuration.servers[0]?.addresses ?? {})[0]
  return members.flatMap(({ voter, path }) => {
    const at = [...path, 'addresses']
    const own = Object.keys(voter.addresses)
    if (broken(at)) return []
    if (own.length === 0) {
      return [report({ path: at, message: `${voter.name} has no address`, remedy: 'write one for each network' })]
    }
    const lonely = own.filter((name) => members.every((other) => other.voter === voter || !other.voter.addresses[name]))
    const problems =
      members.length < 2
        ? []
        : lonely.map((name) => {
            const remedy = didYouMean(
              name,
              networks.filter((other) => !lonely.includes(other)),
            )
            return report({
              path: [...at, name],
              place: 'key',
              message: `only ${voter.name} has the network ${name}`,
              remedy,
            })
          })
    if (first !== undefined && !own.includes(first)) {
      const message = `${voter.name} has no address on ${first}, the interconnect`
      problems.push(report({ path: at, place: 'key', message, remedy: `add ${first}:` }))
    }
    // The witness is often reached by one network only.
    const missing = path[0] === 'witness' ? [] : networks.filter((name) => name !== first && !own.includes(name))
    for (const name of missing) {
      const message = `${voter.name} has no address on ${name}: it has one path less than the others`
      problems.push(report({ path: at, place: 'key', message, remedy: `add ${name}:`, severity: 'warning' }))
    }
    return problems
  })
}

const addressRule = ({ report }: RuleContext, members: readonly Member[]): readonly Problem[] =>
  members.flatMap(({ voter, path }) => {
    const all = Object.entries(voter.addresses)
    return all.flatMap(([network, address], index) => {
      const at = [...path, 'addresses', network]
      if (isNoHost(address)) return [report({ path: at, message: `"${address}" is not the address of one host` })]
      const twin = all.slice(0, index).find(([, other]) => ipKey(other) === ipKey(address))
      const message = `${network} and ${twin?.[0]} have the same address: two networks are two paths only when they differ`
      return twin ? [report({ path: at, message, remedy: 'remove one of the two' })] : []
    })
  })

/** Any address, broadcast, multicast. */
const isNoHost = (address: string): boolean =>
  /^(0\.0\.0\.0|255\.255\.255\.255|(22[4-9]|23\d)\..*|::|ff[0-9a-f]{2}:.*)$/i.test(address)

const portRule = ({ configuration, report, broken }: RuleContext, members: readonly Member[]): readonly Problem[] => {
  if (broken(['ports'])) return []
  const seen = new Map<string, string>()
  return members.flatMap(({ voter, path }) => {
    const ports = portsOf(configuration, voter)
    const at = voter.ports ? [...path, 'ports'] : path
    if (broken([...path, 'ports'])) return []
    if (ports.log === ports.route) {
      const message = `the log and its routes have the same port ${ports.log}`
      return [
        report({ path: voter.ports ? at : ['ports'], message, remedy: 'both are TCP: give them different ports' }),
      ]
    }
    return Object.entries(voter.addresses).flatMap(([network, address]) => {
      const uses = [`udp ${ports.heartbeat}`, `tcp ${ports.log}`, `tcp ${ports.route}`]
      const clashes = uses.flatMap((use) => {
        const key = `${ipKey(address)} ${use}`
        const other = seen.get(key) ?? voter.name
        seen.set(key, other)
        return other === voter.name ? [] : [`${use} of ${other}`]
      })
      if (clashes.length === 0) return []
      const message = `${address} is in use already: ${clashes.join(', ')}`
      const remedy = 'give it an address of its own, or ports of its own'
      return [report({ path: [...path, 'addresses', network], message, remedy })]
    })
  })
}

/** Port and address of its log server belong to that. */
const metricsRule = (
  { configuration, report, broken }: RuleContext,
  members: readonly Member[],
): readonly Problem[] => {
  if (broken(['metrics']) || broken(['ports'])) return []
  return members.flatMap(({ voter, path }) => {
    const place = metricsPlaceOf(configuration, voter.name)
    if (place === null || broken(path)) return []
    const at = voter.metrics === undefined ? ['metrics', 'listen'] : [...path, 'metrics']
    const { log, route } = portsOf(configuration, voter)
    const use = place.port === log ? 'its log server' : place.port === route ? 'the routes of its log server' : null
    if (use === null) return []
    const message = `TCP port ${place.port} of ${voter.name} is that of ${use}`
    return [report({ path: at, message, remedy: 'choose another port' })]
  })
}
