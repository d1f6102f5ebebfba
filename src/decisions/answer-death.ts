/** F4: one of this product's own processes died on this server: recorded, and answered as configured, with the reason. */
import type { Event, OwnProcess } from '../events/index.ts'
import { type DeathAt, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { type Decision, type Facts, together } from './decision.ts'
import { endServer } from './final-action.ts'

/** `boot` and `sinceBootMs`: of the machine, by a clock that nobody sets. Earlier lives of it count no more. Together
 *  with `process` they are the death's name: no two deaths share them. */
export type Death = {
  readonly process: OwnProcess
  readonly because: string
  readonly boot: string
  readonly sinceBootMs: number
}

/** Null where the log holds that very death: told again, since it had not become known that the log took it. */
export const answerDeath = (
  state: State,
  { process, because, boot, sinceBootMs }: Death,
  facts: Pick<Facts, 'me' | 'reachable'>,
): Decision | null => {
  const { me } = facts
  const settings = state.configuration.current?.ownProcesses
  const within = settings?.within ?? 0
  const earlier = serverOf(state.servers, me).deaths?.[process] ?? []
  if (earlier.some((one) => one.boot === boot && one.sinceBootMs === sinceBootMs)) return null
  const isRecent = (one: DeathAt) => one.boot === boot && sinceBootMs - one.sinceBootMs < within
  const count = earlier.filter(isRecent).length + 1
  const died: Event = { type: 'OwnProcessDied', data: { server: me, process, because, count, boot, sinceBootMs } }
  if (!settings || settings.action === 'none' || count < settings.deaths) return together([died], { count }, null)
  const why = `its ${process} died ${count === 1 ? 'once' : `${count} times`} (the limit is ${settings.deaths}): ${because}`
  return together([died, ...emergency(state, settings.action, why, facts)], { count, ...settings }, null)
}

const emergency = (
  state: State,
  action: Parameters<typeof endServer>[1],
  because: string,
  facts: Pick<Facts, 'me' | 'reachable'>,
): readonly Event[] => {
  const suppressed = (reason: string): readonly Event[] => [
    { type: 'EmergencySuppressed', data: { server: facts.me, action, because: `${reason}; it was for: ${because}` } },
  ]
  if (state.cluster.suspended) return suppressed('the cluster is suspended')
  const answer = endServer(state, action, because, facts)
  return 'suppressed' in answer ? suppressed(answer.suppressed) : answer.ordered
}
