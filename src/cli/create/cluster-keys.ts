/** What `baton cluster create` makes: the cluster's keys, and for every voter a kit that is carried to its machine. */
import { chmod, mkdir, open } from 'node:fs/promises'
import { createUser } from '@nats-io/nkeys'
import { clusterKeyBytes, type KitIdentity, type KitVoter, kitFiles, type Nkeys } from '../../agents/voter/voter-kit.ts'
import type { Configuration, VoterConfiguration } from '../../events/configuration.ts'
import { type VoterName, voterName } from '../../events/ids.ts'
import { votersOf } from '../../projections/configuration.ts'
import { createAuthority, createNodeCertificate, type KeyAndCertificate } from './certificates.ts'

export type ClusterKeys = {
  readonly cluster: string
  readonly voters: readonly KitVoter[]
  readonly isPair: boolean
  /** Its key makes new members of the cluster: keep it apart from the servers. */
  readonly authority: KeyAndCertificate
  readonly certificates: ReadonlyMap<VoterName, KeyAndCertificate>
  readonly nkeys: Nkeys
  /** Base64url. */
  readonly clusterKey: string
}

/** Makes new keys for every server and the witness of a configuration. */
export const createClusterKeys = async (configuration: Configuration): Promise<ClusterKeys> => {
  const voters = kitVotersOf(configuration)
  const authority = await createAuthority(configuration.cluster)
  const certificates = new Map<VoterName, KeyAndCertificate>()
  for (const { name, addresses } of voters) {
    const voter = { name, addresses: Object.values(addresses) }
    certificates.set(name, await createNodeCertificate(authority, voter))
  }
  return {
    cluster: configuration.cluster,
    voters,
    isPair: configuration.topology === 'pair',
    authority,
    certificates,
    nkeys: { agent: newNkey(), reader: newNkey(), system: newNkey() },
    clusterKey: Buffer.from(crypto.getRandomValues(new Uint8Array(clusterKeyBytes))).toString('base64url'),
  }
}

/** Writes the kit of one voter into `directory`, which is made if need be; only its owner may read it. */
export const writeVoterKit = async (directory: string, voter: VoterName, keys: ClusterKeys): Promise<void> => {
  const own = keys.certificates.get(voter)
  if (!own) throw new Error(`there is no certificate for ${voter}`)
  const identity: KitIdentity = {
    cluster: keys.cluster,
    voter,
    voters: [...keys.voters],
    ...(keys.isPair && { topology: 'pair' }),
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  const write = async (file: keyof typeof kitFiles, content: string) => {
    // Made with its mode: at no moment may others read it.
    await using handle = await open(`${directory}/${kitFiles[file]}`, 'w', 0o600)
    await handle.chmod(0o600)
    await handle.writeFile(content)
    await handle.sync()
  }
  await write('identity', `${JSON.stringify(identity, null, 2)}\n`)
  await write('ca', keys.authority.certificate)
  await write('certificate', own.certificate)
  await write('key', own.key)
  await write('nkeys', `${JSON.stringify(keys.nkeys, null, 2)}\n`)
  await write('clusterKey', `${keys.clusterKey}\n`)
}

/** Everybody who gets a kit: all servers and the witness. */
export const kitVotersOf = (configuration: Configuration): readonly KitVoter[] => {
  const keepers = new Set<string>(votersOf(configuration))
  const kitVoter = (role: KitVoter['role'], { name, addresses, ports }: VoterConfiguration): KitVoter => ({
    name: voterName(name),
    role,
    hasLog: keepers.has(name),
    addresses,
    ports: {
      heartbeat: ports?.heartbeat ?? configuration.ports.heartbeat,
      log: ports?.log ?? configuration.ports.log,
      route: ports?.route ?? configuration.ports.route,
    },
  })
  const servers = configuration.servers.map((server) => kitVoter('server', server))
  return configuration.witness ? [...servers, kitVoter('witness', configuration.witness)] : servers
}

const newNkey = (): Nkeys['agent'] => {
  const user = createUser()
  return { public: user.getPublicKey(), seed: new TextDecoder().decode(user.getSeed()) }
}
