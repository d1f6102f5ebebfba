/** The mirror connects of one data plane: one side connects, the other listens on every network. */
import type { Cancel, World } from '../../world/world.ts'
import { mirrorId } from '../generations.ts'
import { defaultConnector, keepConnected, type LinkSlot, type PathUser } from '../peer/connector.ts'
import { defaultLinkLimits, type LinkIdentity, PeerLink } from '../peer/link.ts'
import type { TlsIdentity } from '../peer/transport.ts'
import type { Ground } from './ground.ts'
import { randomHex } from './random-hex.ts'
import type { MirrorSettings } from './settings.ts'

/** @throws when an address cannot be listened on, or a file not be read. */
export const openConnects = async (
  world: World,
  { dial, listen, readFile }: Ground,
  { settings, slot }: { readonly settings: MirrorSettings; readonly slot: LinkSlot },
): Promise<Cancel> => {
  const { server, peer, connects, keyFile, tls: files, pingMs, silenceMs } = settings
  const tls: TlsIdentity | null = files && {
    ca: readFile(files.ca).toString('utf8'),
    certificate: readFile(files.certificate).toString('utf8'),
    key: readFile(files.key).toString('utf8'),
  }
  const side = server < peer ? 'connecting' : 'accepting'
  const identity: LinkIdentity = { mirror: mirrorId(settings.mirror), server, peer, key: readFile(keyFile), side }
  const limits = { ...defaultLinkLimits, compress: settings.compress, pingEveryMs: pingMs, silenceMs }
  const linkOf = (user: PathUser, open: ConstructorParameters<typeof PeerLink>[2]) =>
    new PeerLink({ ...world, nonce: () => randomHex(world, 32) }, { identity, limits, user }, open)
  if (side === 'connecting') {
    const open = (path: number, user: PathUser) => {
      const { own, peer: there } = connects[path]!
      return linkOf(user, (end) => dial(there, { from: own.address, tls }, end))
    }
    return keepConnected(world.clock, slot, open, { paths: connects.length, ...defaultConnector })
  }
  const stops: Cancel[] = []
  for (const [path, { own }] of connects.entries())
    stops.push(await listen(own, tls, (open) => slot.accept(path, (user) => linkOf(user, open))))
  return () => {
    for (const stop of stops) stop()
    slot.close('this side ends')
  }
}
