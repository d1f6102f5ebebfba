/** `baton witness-web`, and the witness's own `--http`: the sockets of the web witness. */
import { untilAborted } from '../../world/until-aborted.ts'
import type { World } from '../../world/world.ts'
import { largestBeat } from '../heartbeats/beat-codec.ts'
import { witnessDesk } from '../heartbeats/witness-desk.ts'
import type { Say } from '../log/log-link.ts'
import type { Machine } from '../machine.ts'
import { suspicions } from './suspicions.ts'
import { clusterKeyOf, KitUnusable } from './voter-kit.ts'

export type WitnessWebAddress = {
  readonly address: string
  readonly port: number
  /** Paths of PEM files; null = plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | null
}

type WitnessWeb = WitnessWebAddress & { readonly cluster: string; readonly key: Uint8Array; readonly say: Say }

export const startWitnessWeb = async (
  world: World,
  { address, port, tls, cluster, key, say }: WitnessWeb,
): Promise<{ readonly port: number; readonly close: () => void }> => {
  // It has no log to put it on; its diary has it, and says no more of it than is worth reading.
  const desk = witnessDesk(world, { cluster, key, suspicious: suspicions(world, { say, record: null }) })
  const texts =
    tls === null ? null : { certificate: await text(world, tls.certificate), key: await text(world, tls.key) }
  const server = await world.httpServers.listen({ address, port, tls: texts, largestBytes: largestBeat }, desk.answer)
  say('the web witness listens', { address, port: server.port, scheme: tls === null ? 'http' : 'https' })
  return server
}

/** Resolves when it was told to end. @throws KitUnusable */
export const runWitnessWeb = async (
  machine: Machine,
  {
    keyFile,
    signal,
    ...web
  }: Omit<WitnessWeb, 'key' | 'say'> & { readonly keyFile: string; readonly signal: AbortSignal },
): Promise<void> => {
  const key = clusterKeyOf(await text(machine.world, keyFile))
  if (key === null) throw new KitUnusable(`${keyFile} is no cluster key: copy cluster.key from a kit of the cluster`)
  const server = await startWitnessWeb(machine.world, { ...web, key, say: machine.diary('witness-web') })
  await untilAborted(signal)
  server.close()
}

const text = async ({ files }: World, path: string): Promise<string> => {
  const content = await files.read(path)
  if (content === null) throw new KitUnusable(`there is no ${path}`)
  return content
}
