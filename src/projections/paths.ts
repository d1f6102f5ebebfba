/** The heartbeat paths that two voters have in common, and which of them are independent of each other. */
import type { Configuration } from '../events/index.ts'

/** By configuration: through the log servers, each network that both are on, and what two servers have besides. */
export const pathsBetween = (configuration: Configuration, one: string, other: string): readonly string[] => {
  const { servers, witness, heartbeat } = configuration
  const at = (name: string) => [...servers, ...(witness ? [witness] : [])].find((voter) => voter.name === name)
  const networks = Object.keys(at(one)?.addresses ?? {}).filter(
    (network) => at(other)?.addresses[network] !== undefined,
  )
  const pair = servers.filter(({ name }) => name === one || name === other)
  const both = (has: (server: Configuration['servers'][number]) => boolean) => pair.length === 2 && pair.every(has)
  return [
    'nats',
    ...networks.map((network) => `lan:${network}`),
    ...(both(({ com }) => com !== undefined) ? ['com'] : []),
    ...(both(({ diskHeartbeat }) => diskHeartbeat !== undefined) ? ['disk'] : []),
    ...(both(() => heartbeat.witness !== undefined) ? ['witness'] : []),
  ]
}

/** They travel over networks that are paths of their own: with the network, they go. */
const isBorrowed = (path: string): boolean => path === 'nats' || path === 'witness'

/** Of these, those that one fault does not take together. What travels over a network counts only where no network does. */
export const independentPaths = (alive: readonly string[]): readonly string[] => {
  const own = alive.filter((path) => !isBorrowed(path))
  const hasNetwork = own.some((path) => path.startsWith('lan:'))
  return hasNetwork ? own : [...own, ...alive.filter(isBorrowed).slice(0, 1)]
}

/** One more fault, and a healthy server cannot be told from a dead one; where there were more once. */
export const isJeopardy = (alive: readonly string[], lost: readonly string[]): boolean =>
  independentPaths(alive).length === 1 && lost.some((path) => !isBorrowed(path))
