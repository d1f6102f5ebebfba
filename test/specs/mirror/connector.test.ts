import { describe, expect, test } from 'vitest'
import { mirrorId } from '../../../src/mirror/generations.ts'
import { defaultConnector, keepConnected, LinkSlot } from '../../../src/mirror/peer/connector.ts'
import { defaultLinkLimits, PeerLink } from '../../../src/mirror/peer/link.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { SimulatedConnection } from './simulated-network.ts'

/** Two sides with two networks, of which either may be down. */
const sides = () => {
  const virtual = new VirtualWorld()
  let nonces = 0
  const world = { ...virtual.world, nonce: () => (++nonces).toString(16).padStart(64, '0') }
  const up = [true, true]
  const connections: SimulatedConnection[] = []
  const keeps = { alpha: false, beta: false }
  const seen = { alpha: [] as string[], beta: [] as string[] }
  const slotOf = (name: 'alpha' | 'beta') =>
    new LinkSlot({
      linkUp: (_link, path) => seen[name].push(`up ${path}`),
      received: () => undefined,
      paused: () => undefined,
      linkDown: () => seen[name].push('down'),
      keepsLink: () => keeps[name],
    })
  const slots = { alpha: slotOf('alpha'), beta: slotOf('beta') }
  const identity = { mirror: mirrorId('0'.repeat(32)), key: Buffer.from('key') }
  const open = (path: number, user: ReturnType<LinkSlot['user']>) => {
    const connection = new SimulatedConnection(virtual.clock)
    connection.isCut = !up[path]
    connections[path] = connection
    const own = { ...identity, server: 'alpha', peer: 'beta', side: 'connecting' as const }
    const other = { ...identity, server: 'beta', peer: 'alpha', side: 'accepting' as const }
    if (up[path]) {
      slots.beta.accept(path, (user) => {
        const options = { identity: other, limits: defaultLinkLimits, user }
        return new PeerLink(world, options, connection.open(1))
      })
    }
    return new PeerLink(world, { identity: own, limits: defaultLinkLimits, user }, connection.open(0))
  }
  const stop = keepConnected(virtual.clock, slots.alpha, open, { paths: 2, ...defaultConnector })
  const set = (path: number, isUp: boolean) => {
    up[path] = isUp
    if (!isUp) connections[path]?.reset()
  }
  return { virtual, seen, slots, set, stop, keeps }
}

describe('two mirror connects', () => {
  test('the better one is used', async () => {
    const { virtual, seen } = sides()
    await virtual.pass(100)
    expect(seen).toEqual({ alpha: ['up 0'], beta: ['up 0'] })
  })

  test('when the better one fails the other is used, and it is used again when it answers', async () => {
    const { virtual, seen, set } = sides()
    await virtual.pass(100)
    set(0, false)
    await virtual.pass(3000)
    expect(seen.alpha).toEqual(['up 0', 'down', 'up 1'])
    set(0, true)
    await virtual.pass(30_000)
    expect(seen.alpha).toEqual(['up 0', 'down', 'up 1', 'down', 'up 0'])
    expect(seen.beta).toEqual(seen.alpha)
    await virtual.pass(60_000)
    expect(seen.alpha).toHaveLength(5)
  })

  test('when both fail they are tried until one answers', async () => {
    const { virtual, seen, set } = sides()
    await virtual.pass(100)
    set(0, false)
    set(1, false)
    await virtual.pass(60_000)
    expect(seen.alpha).toEqual(['up 0', 'down'])
    set(1, true)
    await virtual.pass(5000)
    expect(seen.alpha).toEqual(['up 0', 'down', 'up 1'])
  })

  // A side that serves without a disk of its own ends with its connection.
  test.each(['alpha', 'beta'] as const)('no better one is used while %s keeps the one in use', async (name) => {
    const { virtual, seen, set, keeps } = sides()
    await virtual.pass(100)
    set(0, false)
    await virtual.pass(3000)
    keeps[name] = true
    set(0, true)
    await virtual.pass(60_000)
    expect(seen.alpha).toEqual(['up 0', 'down', 'up 1'])
    expect(seen.beta).toEqual(seen.alpha)
    keeps[name] = false
    await virtual.pass(30_000)
    expect(seen.alpha.slice(3)).toEqual(['down', 'up 0'])
    expect(seen.beta).toEqual(seen.alpha)
  })

  test('what is kept and lost is replaced by any that answers', async () => {
    const { virtual, seen, set, keeps } = sides()
    await virtual.pass(100)
    keeps.alpha = true
    keeps.beta = true
    set(0, false)
    await virtual.pass(3000)
    expect(seen.alpha).toEqual(['up 0', 'down', 'up 1'])
  })

  test('a side that ends closes its link and tries no more', async () => {
    const { virtual, seen, stop, slots } = sides()
    await virtual.pass(100)
    stop()
    await virtual.pass(60_000)
    expect(seen).toEqual({ alpha: ['up 0', 'down'], beta: ['up 0', 'down'] })
    expect(slots.beta.path).toBeNull()
  })
})
