/** Fences, or asks, once, inside a host: the order is its argument as JSON, the answer its output. */
import { fencer } from '../../../src/agents/fencing/fence.ts'
import { type FencingConfiguration, storedConfiguration } from '../../../src/events/index.ts'
import { realWorld } from '../../../src/world/real.ts'

export type FenceOrder = {
  readonly do: 'fence' | 'restart' | 'ask'
  readonly server: string
  readonly directory: string
  /** As on the log; defaults are filled in. */
  readonly fencing: object
}

const order: FenceOrder = JSON.parse(process.argv[2] ?? '{}')
const fencing: FencingConfiguration = storedConfiguration.parse({
  cluster: 'test',
  servers: [{ name: 's1', addresses: { lan: '10.0.0.1' } }],
  fencing: order.fencing,
}).fencing
const fences = fencer(realWorld(), order.directory)
const { signal } = new AbortController()

const answer = async (): Promise<unknown> => {
  switch (order.do) {
    case 'fence':
      return await fences.fence(order.server, fencing, { signal, isWanted: () => true })
    case 'restart':
      return await fences.restart(order.server, 1, fencing, signal)
    case 'ask': {
      const [device = ''] = Object.keys(fencing.devices)
      return await fences.ask(order.server, device, fencing, signal)
    }
    default:
      return order.do satisfies never
  }
}

// The world's own timers keep no process alive.
setInterval(() => {}, 1000)
process.stdout.write(JSON.stringify(await answer()))
process.exit(0)
