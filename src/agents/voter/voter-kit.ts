/** What a voter has to have before it can join: who it is, where the others are, and its keys. Made by `baton cluster create`. */
import { z } from 'zod'
import { decode, namePattern } from '../../events/ids.ts'
import type { Files } from '../../world/world.ts'

const name = z.string().regex(namePattern)
const port = z.int().min(1).max(65_535)
const kitVoter = z.object({
  name: decode.voter,
  role: z.enum(['server', 'witness']),
  /** Keeps a replica of the log. In clusters of more than five servers only some do. */
  hasLog: z.boolean(),
  /** By network; the first one is the interconnect. */
  addresses: z.record(name, z.union([z.ipv4(), z.ipv6()])),
  ports: z.object({ heartbeat: port, log: port, route: port }),
})
const identitySchema = z
  .object({
    cluster: name,
    voter: decode.voter,
    voters: z.array(kitVoter).min(1),
    /** Two log servers that know nothing of each other: the agents keep both alike. */
    topology: z.literal('pair').optional(),
  })
  .refine(({ voter, voters }) => voters.some((v) => v.name === voter), 'the voter itself is not among the voters')
  .refine(({ voters }) => voters.some((v) => v.hasLog), 'nobody keeps the log')

const nkey = z.object({ public: z.string().startsWith('U'), seed: z.string().startsWith('SU') })
/** `agent` may do everything with the log, `reader` only read it, `system` looks after the log servers. */
export const nkeysSchema = z.object({ agent: nkey, reader: nkey, system: nkey })

export type KitVoter = z.output<typeof kitVoter>
export type KitIdentity = z.output<typeof identitySchema>
export type Nkeys = z.output<typeof nkeysSchema>

/** File names in a kit's directory. All are secrets of the machine but `identity` and `ca`. */
export const kitFiles = {
  identity: 'identity.json',
  ca: 'ca.pem',
  certificate: 'node.pem',
  key: 'node.key',
  nkeys: 'nkeys.json',
  clusterKey: 'cluster.key',
} as const
export const clusterKeyBytes = 32

export type VoterKit = {
  readonly directory: string
  readonly identity: KitIdentity
  /** The identity's own entry among its voters. */
  readonly own: KitVoter
  /** PEM texts. */
  readonly ca: string
  readonly certificate: string
  readonly key: string
  readonly nkeys: Nkeys
  /** For the HMAC of beats. */
  readonly clusterKey: Uint8Array
}

/** The kit is missing, incomplete or damaged; the message names the file. */
export class KitUnusable extends Error {
  override readonly name = 'KitUnusable'
}

/** Reads and checks a kit. @throws KitUnusable */
export const readVoterKit = async (files: Pick<Files, 'read'>, directory: string): Promise<VoterKit> => {
  const read = async (file: keyof typeof kitFiles): Promise<string> => {
    const path = `${directory}/${kitFiles[file]}`
    let content: string | null
    try {
      content = await files.read(path)
    } catch (cause) {
      throw new KitUnusable(`${path} cannot be read`, { cause })
    }
    if (content === null) throw new KitUnusable(`${path} is missing: was the kit copied completely?`)
    return content
  }
  const pem = async (file: 'ca' | 'certificate' | 'key', label: string): Promise<string> => {
    const text = await read(file)
    if (!text.includes(`-----BEGIN ${label}-----`))
      throw new KitUnusable(`${directory}/${kitFiles[file]} holds no ${label.toLowerCase()}`)
    return text
  }
  const identity = parse(identitySchema, `${directory}/${kitFiles.identity}`, await read('identity'))
  const own = identity.voters.find((v) => v.name === identity.voter)
  const clusterKey = clusterKeyOf(await read('clusterKey'))
  if (!own || clusterKey === null)
    throw new KitUnusable(`${directory}/${kitFiles.clusterKey} is not a key of ${clusterKeyBytes} bytes`)
  return {
    directory,
    identity,
    own,
    ca: await pem('ca', 'CERTIFICATE'),
    certificate: await pem('certificate', 'CERTIFICATE'),
    key: await pem('key', 'PRIVATE KEY'),
    nkeys: parse(nkeysSchema, `${directory}/${kitFiles.nkeys}`, await read('nkeys')),
    clusterKey,
  }
}

/** The key in the text of a file; null when it is none. */
export const clusterKeyOf = (text: string): Uint8Array | null => {
  const key = Buffer.from(text.trim(), 'base64url')
  return key.length === clusterKeyBytes ? new Uint8Array(key) : null
}

const parse = <T>(schema: z.ZodType<T>, path: string, text: string): T => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new KitUnusable(`${path} is not JSON`, { cause })
  }
  const parsed = schema.safeParse(json)
  if (!parsed.success) throw new KitUnusable(`${path} is damaged: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** `host:port` of the log server of one voter as seen from `own`, the interconnect first. */
export const logServerOf = (voter: KitVoter, own: KitVoter): [string, ...string[]] => {
  const addresses = voter.name === own.name ? [localAddress(own)] : Object.values(voter.addresses)
  const [first, ...others] = addresses.map((address) => hostPort(address, voter.ports.log))
  if (first === undefined) throw new KitUnusable(`${voter.name} has no address`)
  return [first, ...others]
}

/**
 * The log servers, by who answers for whom: all together, or each for itself in a pair, where they know nothing of each
 * other.
 */
export const logServersByWord = (kit: Pick<VoterKit, 'identity' | 'own'>): readonly [string, ...string[]][] =>
  kit.identity.topology === 'pair'
    ? kit.identity.voters.map((voter) => logServerOf(voter, kit.own))
    : [logServersOf(kit)]

/** `host:port` of every log server as seen from this voter: its own first, then the others, the interconnect first. */
export const logServersOf = ({ identity, own }: Pick<VoterKit, 'identity' | 'own'>): [string, ...string[]] => {
  const at = (voter: KitVoter, address: string) => hostPort(address, voter.ports.log)
  const others = identity.voters.filter((v) => v.hasLog && v.name !== own.name)
  const networks = Math.max(...others.map((v) => Object.keys(v.addresses).length), 0)
  const byNetwork = Array.from({ length: networks }, (_, network) =>
    others.flatMap((v) =>
      Object.values(v.addresses)
        .slice(network, network + 1)
        .map((address) => at(v, address)),
    ),
  ).flat()
  const [first, ...rest] = own.hasLog ? [at(own, localAddress(own)), ...byNetwork] : byNetwork
  if (first === undefined) throw new KitUnusable('no voter with a log server has an address')
  return [first, ...new Set(rest)]
}

export const hostPort = (address: string, at: number): string =>
  address.includes(':') ? `[${address}]:${at}` : `${address}:${at}`

/** Where this machine reaches its own log server even when every cable is out. */
export const localAddress = (own: KitVoter): string => {
  const [address, ...others] = new Set(Object.values(own.addresses))
  return address !== undefined && others.length === 0 && isLoopback(address) ? address : '127.0.0.1'
}

export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
