/** Answers GET /metrics where the configuration says so. Nobody who asks can make the agent wait, or work much. */
import { type Configuration, type ListenAddress, metricsPlaceOf } from '../../events/index.ts'
import type { Cancel, HttpAnswer, HttpRequest, World } from '../../world/world.ts'
import type { Say } from '../log/log-link.ts'
import type { Node } from '../node.ts'
import { agentMetrics } from './agent-metrics.ts'
import { clusterMetrics } from './cluster-metrics.ts'
import { exposition, expositionType } from './exposition.ts'
import type { Metric, Seen } from './metric.ts'
import { mirrorMetrics } from './mirror-metrics.ts'

export const allMetrics: readonly Metric[] = [...agentMetrics, ...clusterMetrics, ...mirrorMetrics]

/** However often it is asked, it is told anew only after this. */
const freshMs = 1000
/** A place that cannot be had is tried again. */
const againMs = 10_000
/** Nobody has anything to send. */
const largestBytes = 1024

export type MetricsDeskParts = {
  readonly node: Pick<Node, 'recorder' | 'kit'>
  readonly seen: () => Seen
  readonly say: Say
}

/** What is answered, without the sockets. */
export const metricsAnswer = ({ clock }: Pick<World, 'clock'>, seen: () => Seen) => {
  let told: { readonly at: number; readonly text: string } | null = null
  return ({ method, path }: Pick<HttpRequest, 'method' | 'path'>): HttpAnswer => {
    if (path.split('?')[0] !== '/metrics') return { status: 404, body: 'there is /metrics, and nothing else\n' }
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' }
    const now = clock.now()
    if (told === null || now - told.at >= freshMs) told = { at: now, text: exposition(allMetrics, seen()) }
    return { status: 200, type: expositionType, body: told.text }
  }
}

type Place = ListenAddress & { readonly isTls: boolean }

/** Listens from now on where the newest configuration says, until cancelled. */
export const metricsDesk = (world: World, { node: { recorder, kit }, seen, say }: MetricsDeskParts): Cancel => {
  const answer = metricsAnswer(world, seen)
  let known: Configuration | null = null
  let wanted = 'null'
  let isStopped = false
  /** Counts the places that were wanted: a listener that comes too late for its own closes. */
  let turn = 0
  let close: Cancel = () => {}
  let cancelAgain: Cancel = () => {}

  const open = async (place: Place, own: number, before: string | null): Promise<void> => {
    const tls = place.isTls ? { certificate: kit.certificate, key: kit.key } : null
    try {
      const server = await world.httpServers.listen({ ...place, tls, largestBytes }, answer)
      if (own !== turn) return server.close()
      close = server.close
      say('metrics can be asked for', { url: urlOf(place) })
    } catch (trouble) {
      if (own !== turn) return
      const because = String(trouble)
      if (because !== before)
        say('metrics cannot be asked for: nothing can listen there', { url: urlOf(place), because })
      cancelAgain = world.clock.after(againMs, () => void open(place, own, because))
    }
  }
  const leave = (): void => {
    turn += 1
    cancelAgain()
    close()
    close = () => {}
  }
  const arrange = (): void => {
    const { current } = recorder.state().configuration
    if (isStopped || current === known) return
    known = current
    const place = placeOf(current, kit.own.name)
    const text = JSON.stringify(place)
    if (text === wanted) return
    wanted = text
    leave()
    if (place !== null) void open(place, turn, null)
  }
  arrange()
  recorder.onFold(arrange)
  return () => {
    isStopped = true
    leave()
  }
}

const placeOf = (configuration: Configuration | null, me: string): Place | null => {
  const place = configuration && metricsPlaceOf(configuration, me)
  return place && { ...place, isTls: configuration.metrics.tls }
}

const urlOf = ({ address, port, isTls }: Place): string =>
  `${isTls ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${port}/metrics`
