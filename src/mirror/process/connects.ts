/** The mirror connects of one data plane: one side connects, the other listens on every network. */
import type { Cancel, World } from '../../world/world.ts'
import { mirrorId } from '../generations.ts'
import { defaultConnector, keepConnected, type LinkSlot, type PathUser } from '../peer/connector.ts'
import { defaultLinkLimits, type LinkIdentity, PeerLink } from '../peer/link.ts'
import type { TlsIdentity } from '../peer/transport.ts'
import type { Ground } from './ground.ts'
import { randomHex } from './random-hex.ts'
import type { MirrorSettings } from './settings.ts'

/** `path`: of the mirror connects, the best first. */
export type Deafness = { readonly path: number; readonly because: string }
export type Connects = {
  readonly stop: Cancel
  /** Where nobody can be heard now, and why; each is tried again. */
  readonly deafAt: () => readonly Deafness[]
}
export const noConnects: Connects = { stop: () => {}, deafAt: () => [] }

/** Where the network of an address comes late. */
const listenAgainMs = 1000

/** Resolves once every address was tried. @throws when a file cannot be read. */
export const openConnects = async (
  world: World,
  { dial, listen, readFile }: Ground,
  { settings, slot }: { readonly settings: MirrorSettings; readonly slot: LinkSlot },
): Promise<Connects> => {
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
    return {
      ...noConnects,
      stop: keepConnected(world.clock, slot, open, { paths: connects.length, ...defaultConnector }),
    }
  }
  const listening = connects.map(
    ({ own }, path) =>
      new Listening(world, () => listen(own, tls, (open) => slot.accept(path, (user) => linkOf(user, open)))),
  )
  await Promise.all(listening.map((one) => one.attempt()))
  return {
    stop: () => {
      for (const one of listening) one.stop()
      slot.close('this side ends')
    },
    deafAt: () => listening.flatMap(({ trouble }, path) => (trouble === null ? [] : [{ path, because: trouble }])),
  }
}

/** On one network: an address that is not there keeps nobody from the others. */
class Listening {
  trouble: string | null = null
  readonly #world: Pick<World, 'clock'>
  readonly #listen: () => Promise<Cancel>
  #isOver = false
  #cancel: Cancel = () => {}

  constructor(world: Pick<World, 'clock'>, listen: () => Promise<Cancel>) {
    this.#world = world
    this.#listen = listen
  }

  readonly attempt = async (): Promise<void> => {
    try {
      this.#cancel = await this.#listen()
      this.trouble = null
    } catch (trouble) {
      this.trouble = trouble instanceof Error ? trouble.message : String(trouble)
      this.#cancel = this.#world.clock.after(listenAgainMs, () => void this.attempt())
    }
    if (this.#isOver) this.#cancel()
  }

  readonly stop = (): void => {
    this.#isOver = true
    this.#cancel()
  }
}
