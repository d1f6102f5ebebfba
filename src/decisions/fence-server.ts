/** What becomes of a server that must be proven off: proven, not proven, or not any more to be; its groups go on with it. */
import {
  type Command,
  type Event,
  type FencingConfiguration,
  type Generation,
  type Sequence,
  type ServerName,
  serverName,
} from '../events/index.ts'
import { type PendingFence, pendingOf } from '../projections/fencing.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { heartbeatOf } from '../projections/timing.ts'
import { type Decision, type Facts, groupsOn, together } from './decision.ts'
import { needsFence } from './fencing.ts'
import { knowsServer, type Operated, unknownName } from './operate-group.ts'
import { assignAll } from './take-over.ts'

/** What an executor found out about one attempt. */
export type FenceAttempt =
  | { readonly ok: true; readonly level: number; readonly devices: readonly string[]; readonly ms: number }
  | { readonly ok: false; readonly because: string }

export type Attempted = {
  readonly server: ServerName
  readonly generation: Generation
  /** The request it was made for; another is answered by attempts of its own alone. */
  readonly requestedBy: Sequence
  readonly attempt: number
  readonly outcome: FenceAttempt
}

/** The outcome of an attempt, with what follows from it for the groups, as one commit. Null when it is of no use any more. */
export const recordAttempt = (
  state: State,
  { server, generation, requestedBy, attempt, outcome }: Attempted,
  facts: Facts,
): Decision | null => {
  const open = openFor(state, server, generation)
  if (open?.requestedBy !== requestedBy) return null
  const which = { server, generation }
  if (outcome.ok) {
    const { level, devices, ms } = outcome
    const confirmed: Event = {
      type: 'FencingConfirmed',
      data: { ...which, by: facts.me, level, devices: [...devices], ms: Math.round(ms) },
    }
    return settled(state, open, confirmed, facts)
  }
  const failed: Event = {
    type: 'FencingFailed',
    data: { ...which, executor: facts.me, attempt, because: outcome.because },
  }
  if (needsFence(state, server).need === 'required') return together([failed], {}, open.requestedBy)
  const because = 'no fence device answered in time, and its lease has expired'
  return settled(state, open, { type: 'FencingForgone', data: { ...which, because } }, facts, [failed])
}

/** Requests that nothing is waited for any more: the server's own word came, or the configuration asks for no proof. */
export const endFencing = (state: State, facts: Facts): Decision | null => {
  if (state.cluster.suspended) return null
  for (const { server, generation } of Object.values(state.fencing.pending)) {
    const open = openFor(state, server, generation)
    if (!open) continue
    if ((facts.renounced?.(server) ?? 0) >= generation) {
      const because = `${server} itself says that it released everything`
      return settled(state, open, { type: 'FencingUnneeded', data: { server, generation, because } }, facts)
    }
    if (groupsOn(state, server).length === 0) {
      const because = `${server} itself stopped what it owned`
      return settled(state, open, { type: 'FencingUnneeded', data: { server, generation, because } }, facts)
    }
    if (needsFence(state, server).need === 'none') {
      const because = 'the configuration asks for no proof any more'
      return settled(state, open, { type: 'FencingForgone', data: { server, generation, because } }, facts)
    }
  }
  return null
}

/** Soon after the first failures, slowly after that; never given up. */
export const pauseAfter = ({ retries, pause, retryEvery }: FencingConfiguration, attempts: number): number =>
  attempts === 0 ? 0 : attempts <= retries ? pause : retryEvery

/**
 * This server takes the executor's place. `silentMs`: for how long this server has seen nothing new of a request. Whom it
 * hears is no reason: two servers that do not hear each other would take a request from each other without end.
 */
export const takeOverFencing = (
  state: State,
  facts: Facts,
  silentMs: (request: PendingFence) => number,
): Decision | null => {
  if (state.cluster.suspended) return null
  for (const open of Object.values(state.fencing.pending)) {
    const because = whyReplaced(state, open, facts.me, silentMs(open))
    if (because !== null) return together([requestAgain(open, facts.me, because)], {}, open.requestedBy)
  }
  return null
}

/** Once every server has tried soon and in vain, each tries so often, slowly, before it is the next one's turn again. */
const lateAttempts = 5

/** One that is gone is replaced at once. One that is up may hang, or not reach the device, which answers another: then the
 *  next server's turn comes, and T later that of the one after it. */
const whyReplaced = (state: State, open: PendingFence, me: ServerName, silentMs: number): string | null => {
  const { current } = state.configuration
  const timeoutMs = heartbeatOf(state)?.timeout
  const { executor, attempts } = open
  if (!current || timeoutMs === undefined || executor === me) return null
  const turn = successorsOf(state, open).indexOf(me)
  if (turn < 0) return null
  if (serverOf(state.servers, executor).status !== 'up') return `${executor} is gone`
  const { fencing } = current
  const waitMs = turn * timeoutMs
  const isNew = open.failures?.[me] === undefined
  if (attempts > fencing.retries + (isNew ? 0 : lateAttempts) && silentMs >= waitMs)
    return `${attempts} attempts by ${executor} failed`
  const mostMs = pauseAfter(fencing, attempts) + fencing.timeout + timeoutMs
  return silentMs >= mostMs + waitMs ? `nothing came of it by ${executor} for ${Math.round(silentMs / 1000)} s` : null
}

/** Servers that are up, in the order of the configuration, from the executor on. */
const successorsOf = (state: State, { executor, server }: PendingFence): readonly ServerName[] => {
  const names = (state.configuration.current?.servers ?? []).map(({ name }) => serverName(name))
  const after = names.indexOf(executor) + 1
  return [...names.slice(after), ...names.slice(0, after)].filter(
    (name) => name !== executor && name !== server && serverOf(state.servers, name).status === 'up',
  )
}

/** `baton server confirm-off`: a person answers for what no device could tell. */
export const confirmOff = (
  state: State,
  { server, note }: Extract<Command, { do: 'confirm-off' }>,
  facts: Facts,
): Operated => {
  if (!knowsServer(state, server)) return unknownServer(state, server)
  const { status, generation } = serverOf(state.servers, server)
  if (facts.reachable.has(server))
    return {
      refused: `${server} is heard: it is not off`,
      possible: `switch ${server} off, wait until it is declared down, then ask again`,
    }
  if (status === 'up')
    return {
      refused: `${server} has not been declared down yet`,
      possible: 'wait for the heartbeat timeout; without a quorum nothing can be decided',
    }
  const open = openFor(state, server, generation)
  if (!open) return { events: [], because: {}, settled: `nothing waits for ${server} to be proven off` }
  const confirmed: Event = { type: 'FencingConfirmedByOperator', data: { server, generation, note } }
  const decision = settled(state, open, confirmed, facts)
  return { events: decision.events, because: decision.because }
}

/** `baton fence retry`: the executor begins anew, without waiting. */
export const retryFencing = (
  state: State,
  { server }: Extract<Command, { do: 'fence-server' }>,
  facts: Facts,
): Operated => {
  if (!knowsServer(state, server)) return unknownServer(state, server)
  const open = openFor(state, server, serverOf(state.servers, server).generation)
  if (!open)
    return {
      refused: `nothing waits for ${server} to be proven off`,
      possible: 'only a server that was declared down while it held groups is fenced',
    }
  return { events: [requestAgain(open, facts.me, 'an operator asked for it')], because: { attempts: open.attempts } }
}

const unknownServer = (state: State, server: string) =>
  unknownName('server', server, state.configuration.current?.servers.map((one) => one.name) ?? [])

/** The open request for a server that is still down under this very generation. */
const openFor = (state: State, server: ServerName, generation: Generation): PendingFence | null => {
  const known = serverOf(state.servers, server)
  const isSo = known.status === 'down' && known.generation === generation
  return isSo ? pendingOf(state.fencing, { server, generation }) : null
}

const requestAgain = ({ server, generation, groups }: PendingFence, executor: ServerName, because: string): Event => ({
  type: 'FencingRequested',
  data: { server, generation, groups: [...groups], executor, because },
})

/** The end of a request, and the new owners of the groups; these wait where nothing may be decided. */
const settled = (
  state: State,
  { server, requestedBy }: PendingFence,
  ending: Event,
  facts: Facts,
  before: readonly Event[] = [],
): Decision => {
  const assignments = state.cluster.suspended ? [] : assignAll(state, groupsOn(state, server), server, facts)
  const [first = ending, ...rest] = [...before, ending, ...assignments]
  return { events: [first, ...rest], because: {}, causedBy: requestedBy }
}
