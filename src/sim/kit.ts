/** What is installed on a simulated machine: the kit of its voter, and the first configuration. */
import { placesIn } from '../agents/node.ts'
import { kitFiles } from '../agents/voter/voter-kit.ts'
import { type Configuration, portsOf, votingMembersOf } from '../events/index.ts'
import { clusterKey } from './seal.ts'

export const stateDirectory = '/var/lib/baton'
export const places = placesIn(stateDirectory)

/** The files of a voter's kit. Certificates and keys only have to look like some: nothing is encrypted here. */
export const kitOf = (
  configuration: Configuration,
  { name }: Configuration['servers'][number],
  source: string,
): Readonly<Record<string, string>> => {
  const { servers, witness, cluster, topology } = configuration
  const keepers = new Set(votingMembersOf(configuration).map((voter) => voter.name))
  const voters = (witness ? [...servers, witness] : servers).map((voter) => ({
    name: voter.name,
    role: voter === witness ? 'witness' : 'server',
    hasLog: keepers.has(voter.name),
    addresses: voter.addresses,
    ports: portsOf(configuration, voter),
  }))
  const pem = (label: string) => `-----BEGIN ${label}-----\n-----END ${label}-----\n`
  const nkey = { public: 'Usimulated', seed: 'SUsimulated' }
  const at = (file: keyof typeof kitFiles) => `${places.kit}/${kitFiles[file]}`
  return {
    [at('identity')]: JSON.stringify({
      cluster,
      voter: name,
      ...(topology === 'pair' ? { topology } : {}),
      voters,
    }),
    [at('ca')]: pem('CERTIFICATE'),
    [at('certificate')]: pem('CERTIFICATE'),
    [at('key')]: pem('PRIVATE KEY'),
    [at('nkeys')]: JSON.stringify({ agent: nkey, reader: nkey, system: nkey }),
    [at('clusterKey')]: Buffer.from(clusterKey).toString('base64url'),
    [places.firstConfiguration]: source,
  }
}
