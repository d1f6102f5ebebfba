/** Membership on the log: voters' stores are admitted, servers get lease generations, servers leave. */
import type { Event, Generation, Incarnation, ServerName, VoterName } from '../events/index.ts'
import { isToStop, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { mayAwaitReturn } from './await-return.ts'
import { type Decision, groupsOn, together } from './decision.ts'

/** Rule 3: the first store a voter shows is believed; any other needs an operator. */
export const admitVoters = (
  state: State,
  stores: Readonly<Record<string, string>>,
  voters: readonly VoterName[],
): Decision | null => {
  const events = voters.flatMap((voter): Event[] => {
    const store = stores[voter]
    return store && state.servers.admitted[voter] === undefined
      ? [{ type: 'VoterAdmitted', data: { voter, store } }]
      : []
  })
  return together(events, { stores }, null)
}

/** Rule 9: a new generation, when a majority of voters says it hears us. A stopped server may join to await its return; one
 *  that was taken out of the configuration may not: nobody could declare it down. */
export const joinServer = (
  state: State,
  wish: {
    readonly me: ServerName
    readonly incarnation: Incarnation
    readonly boot: string
    readonly needs: string | null
    readonly heardBy: readonly VoterName[]
    readonly majority: number
  },
): Decision | null => {
  if (wish.needs === null || wish.heardBy.length < wish.majority) return null
  const { current } = state.configuration
  if (current !== null && !current.servers.some(({ name }) => name === wish.me)) return null
  const known = serverOf(state.servers, wish.me)
  const { stopOrdered, generation } = known
  if (stopOrdered && !mayAwaitReturn(state, known, wish.boot)) return null
  const { me: server, incarnation, boot, heardBy } = wish
  const joined: Event = {
    type: 'ServerJoined',
    data: { server, incarnation, boot, heardBy: [...heardBy], ...(stopOrdered ? { awaitsReturn: true } : {}) },
  }
  return together([joined], { needs: wish.needs, generationBefore: generation }, null)
}

/** P1: a server that was told to stop, owns nothing any more and has renounced its generation, leaves. */
export const leaveCluster = (state: State, me: ServerName, renounced: Generation): Decision | null => {
  const known = serverOf(state.servers, me)
  const { status, generation } = known
  if (!isToStop(known) || status !== 'up' || renounced < generation || groupsOn(state, me).length > 0) return null
  return together([{ type: 'ServerLeft', data: { server: me, generation, reason: 'stopped' } }], { renounced }, null)
}
