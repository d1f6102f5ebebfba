/** What must be so between resources of all groups: no two of them may lay hands on the same thing. */
import type { ResourceConfiguration } from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'
import { inSameSubnet, ipKey, parseIp, parseIpSubnet } from './ip-address.ts'
import { pingGroupsOf } from './resolve-partition.ts'

type Type = ResourceConfiguration['type']
type Found<T extends Type> = {
  readonly group: string
  readonly name: string
  readonly path: Path
  readonly resource: Extract<ResourceConfiguration, { type: T }>
}

/** All rules of this file. */
export const sharingRules = (context: RuleContext): readonly Problem[] => [
  ...floatingRule(context),
  ...subnetRule(context),
  ...deviceRule(context),
  ...mountRule(context),
  ...systemMountRule(context),
  ...unitRule(context),
  ...pingRule(context),
]

const resourcesOf = <T extends Type>({ configuration }: RuleContext, type: T): readonly Found<T>[] =>
  Object.entries(configuration.groups).flatMap(([group, { resources }]) =>
    Object.entries(resources).flatMap(([name, resource]) => {
      const isThis = (one: ResourceConfiguration): one is Extract<ResourceConfiguration, { type: T }> =>
        one.type === type
      return isThis(resource) ? [{ group, name, path: ['groups', group, 'resources', name], resource }] : []
    }),
  )

/** Each of `all` with the first before it that has the same key. */
const twins = <T extends { readonly group: string; readonly name: string }>(
  all: readonly T[],
  key: (one: T) => string,
): readonly { readonly one: T; readonly other: T }[] => {
  const first = new Map<string, T>()
  return all.flatMap((one) => {
    const other = first.get(key(one))
    if (other) return [{ one, other }]
    first.set(key(one), one)
    return []
  })
}

const called = ({ group, name }: { readonly group: string; readonly name: string }) => `${group}.${name}`

const hostsOf = ({ configuration: { servers, witness } }: RuleContext) =>
  [...servers, ...(witness ? [witness] : [])].flatMap((voter) =>
    Object.values(voter.addresses).map((address) => ({ address, voter: voter.name })),
  )

const floatingRule = (context: RuleContext): readonly Problem[] => {
  const floating = resourcesOf(context, 'fip')
  const hosts = hostsOf(context)
  return [
    ...twins(floating, ({ resource }) => ipKey(resource.address)).map(({ one, other }) => {
      const message = `${one.resource.address} is the floating address of ${called(other)} already`
      return context.report({ path: [...one.path, 'address'], message, remedy: 'give it another' })
    }),
    ...floating.flatMap(({ path, resource }) => {
      const host = hosts.find(({ address }) => ipKey(address) === ipKey(resource.address))
      if (!host) return []
      const message = `${resource.address} is ${host.voter}'s own address: a floating one moves away from it`
      return [context.report({ path: [...path, 'address'], message, remedy: 'give it an address that no host has' })]
    }),
  ]
}

const subnetRule = (context: RuleContext): readonly Problem[] =>
  resourcesOf(context, 'fip').flatMap(({ path, resource }) => {
    const floating = parseIpSubnet(resource.address)
    if (floating === null || resource.nic !== undefined) return []
    // What most networks have, where nothing is said.
    const prefix = floating.prefix ?? (floating.address.bits === 32 ? 24 : 64)
    const near = context.configuration.servers.some((server) =>
      Object.values(server.addresses).some((text) => {
        const address = parseIp(text)
        return address !== null && inSameSubnet(address, floating.address, prefix)
      }),
    )
    if (near) return []
    const message = `no server has an address in the same /${prefix} network as ${resource.address}`
    const remedy = 'state the right prefix length (as in 10.0.0.100/22), or the nic'
    return [context.report({ path: [...path, 'address'], message, remedy, severity: 'warning' })]
  })

const plain = (path: string): string => path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1')

const deviceRule = (context: RuleContext): readonly Problem[] =>
  twins(resourcesOf(context, 'disk'), ({ resource }) => plain(resource.device)).map(({ one, other }) => {
    const message = `${one.resource.device} is the device of ${called(other)} already: mounted twice, it is destroyed`
    return context.report({ path: [...one.path, 'device'], message, remedy: 'keep one of the two' })
  })

/** Two groups that can never be active on one server at the same time may use one directory. */
const mayMeet = ({ configuration: { groups } }: RuleContext, a: string, b: string): boolean => {
  if (a === b) return true
  const apart = groups[a]?.exclusion === 'absolute' && groups[b]?.exclusion === 'absolute'
  return !apart && (groups[a]?.servers ?? []).some((server) => groups[b]?.servers.includes(server))
}

const mountRule = (context: RuleContext): readonly Problem[] => {
  const disks = [...resourcesOf(context, 'disk'), ...resourcesOf(context, 'md')]
  const same = disks.flatMap((one, index) => {
    const other = disks
      .slice(0, index)
      .find((before) => plain(before.resource.mountPoint) === plain(one.resource.mountPoint))
    if (!other || !mayMeet(context, one.group, other.group)) return []
    const message = `${one.resource.mountPoint} is the mount point of ${called(other)} already`
    return [context.report({ path: [...one.path, 'mountPoint'], message, remedy: 'give it another' })]
  })
  const inside = disks.flatMap((inner) =>
    disks.flatMap((outer) => {
      const { group, resource, path } = inner
      if (group !== outer.group || !plain(resource.mountPoint).startsWith(`${plain(outer.resource.mountPoint)}/`))
        return []
      if (resource.after.includes(outer.name)) return []
      const message = `${resource.mountPoint} lies inside the mount point of ${outer.name}, but may be mounted first`
      const remedy = `write after: [${outer.name}]`
      return [context.report({ path: [...path, 'mountPoint'], message, remedy, severity: 'warning' })]
    }),
  )
  return [...same, ...inside]
}

/** What is mounted over one of these hides what the machine lives on, the agent and its state included. */
const systemDirectories = new Set([
  ...[
    '/',
    '/bin',
    '/boot',
    '/dev',
    '/etc',
    '/lib',
    '/lib64',
    '/opt',
    '/proc',
    '/root',
    '/run',
    '/sbin',
    '/sys',
    '/tmp',
  ],
  ...['/usr', '/usr/bin', '/usr/lib', '/usr/local', '/var', '/var/lib', '/var/lib/baton', '/var/log'],
])

const systemMountRule = (context: RuleContext): readonly Problem[] =>
  [...resourcesOf(context, 'disk'), ...resourcesOf(context, 'md')].flatMap(({ path, resource }) => {
    const at = [...path, 'mountPoint']
    const { mountPoint } = resource
    if (
      plain(mountPoint)
        .split('/')
        .some((step) => step === '.' || step === '..')
    )
      return [context.report({ path: at, message: `${mountPoint} goes by . or ..`, remedy: 'write where it ends' })]
    if (!systemDirectories.has(plain(mountPoint))) return []
    const message = `${mountPoint} is a directory of the system: what is in it would be hidden`
    return [context.report({ path: at, message, remedy: 'mount it on a directory of its own, such as /srv/data' })]
  })

const unitRule = (context: RuleContext): readonly Problem[] =>
  twins(resourcesOf(context, 'service'), ({ resource }) => resource.unit).flatMap(({ one, other }) => {
    if (!mayMeet(context, one.group, other.group)) return []
    const message = `${one.resource.unit} is the unit of ${called(other)} already: stopping one stops the other`
    return [context.report({ path: [...one.path, 'unit'], message, remedy: 'keep one of the two' })]
  })

const pingRule = (context: RuleContext): readonly Problem[] => {
  const { ping } = context.configuration.npResolution
  if (ping === undefined) return []
  const path = ['npResolution', 'ping']
  if (pingGroupsOf({ ping }).length === 0 && !context.broken(path)) {
    const message = 'it asks nobody'
    return [context.report({ path, message, remedy: 'add targets, or groups of targets' })]
  }
  const own = new Map(hostsOf(context).map(({ address, voter }) => [ipKey(address), `${voter}'s own address`]))
  for (const one of resourcesOf(context, 'fip'))
    own.set(ipKey(one.resource.address), `the floating address of ${called(one)}`)
  const check = (target: string, at: Path): readonly Problem[] => {
    const whose = own.get(ipKey(target))
    if (whose === undefined) return []
    const message = `${target} is ${whose}: that it answers says nothing about the network`
    return [context.report({ path: at, message, remedy: 'name a gateway or a switch', severity: 'warning' })]
  }
  return [
    ...(ping.targets ?? []).flatMap((target, index) => check(target, [...path, 'targets', index])),
    ...(ping.groups ?? []).flatMap((group, at) =>
      group.flatMap((target, index) => check(target, [...path, 'groups', at, index])),
    ),
  ]
}
