/** M7: a mirror disk (`mdw`) and its mirror connect (`mdnw`), by what its data plane on this server says. */
import type { GroupName, MonitorConfiguration, ResourceName } from '../../events/index.ts'
import type { PlaneStatus } from '../../mirror/process/sayings.ts'
import { percentOf } from '../../projections/words-of-mirrors.ts'
import type { MonitorContext, MonitorDriver, Sight } from './driver.ts'

/** What the data plane of this mirror said last: `none` where no copy is on this server, null when it does not answer. */
export type LookAtMirror = (group: GroupName, resource: ResourceName) => MirrorSeen | 'none' | null
export type MirrorSeen = Pick<
  PlaneStatus,
  | 'disks'
  | 'because'
  | 'does'
  | 'isConsistent'
  | 'isExposed'
  | 'isParted'
  | 'path'
  | 'deafAt'
  | 'condition'
  | 'resync'
  | 'diskErrors'
>

type Configuration<Type extends MonitorConfiguration['type']> = Extract<MonitorConfiguration, { type: Type }>
type Judge = (seen: MirrorSeen) => Sight

const normal = (because: string): Sight => ({ verdict: 'normal', because })
const warning = (because: string): Sight => ({ verdict: 'warning', because })
const error = (because: string): Sight => ({ verdict: 'error', because })

const driverBy = (look: LookAtMirror | null, judge: Judge): MonitorDriver => ({
  look: async (context) => sightOf(look, context, judge),
})

export const mdwDriver = (look: LookAtMirror | null): MonitorDriver<Configuration<'mdw'>> => driverBy(look, mirrorSight)
export const mdnwDriver = (look: LookAtMirror | null): MonitorDriver<Configuration<'mdnw'>> =>
  driverBy(look, connectSight)

const sightOf = (look: LookAtMirror | null, { target }: MonitorContext, judge: Judge): Sight => {
  if (look === null || target?.resource == null)
    return { verdict: 'unknown', because: 'it has no mirror disk as its target' }
  const seen = look(target.group, target.resource)
  if (seen === 'none') return normal('no copy of it is on this server')
  return seen === null ? error('its data plane does not answer') : judge(seen)
}

/** State of the mirror, and of the disk beneath it. */
export const mirrorSight: Judge = (seen) => {
  const { disks, because, does, condition, resync, isConsistent, isExposed, path, diskErrors } = seen
  if (disks === null || because !== null) return error(because ?? 'its partitions cannot be opened')
  if (does === 'serve' && condition) {
    const why = `${condition.pair}: ${condition.because}`
    if (['alone', 'detached', 'stopped'].includes(condition.pair)) return error(why)
    if (condition.pair === 'resyncing') return warning(resync ? `${why}, ${Math.floor(percentOf(resync))} %` : why)
    if (condition.pair === 'holding') return warning(why)
  }
  if (does === 'follow' && path === null) return error('this copy follows, and is not connected')
  if (does === 'follow' && !isConsistent) return warning('this copy is being brought up')
  if (diskErrors > 0) return warning(`the disk has failed ${diskErrors} times since its data plane was started`)
  if (isExposed) return normal('this copy is split off, and can be read')
  return normal(does === 'nothing' ? 'it is neither served nor followed here' : 'both sides have everything')
}

/** The networks it is mirrored over. */
export const connectSight: Judge = ({ does, path, deafAt, isParted }) => {
  if (does === 'nothing') return normal('it is neither served nor followed here')
  if (isParted) return normal('both sides are kept apart on purpose')
  const deaf = deafAt.map((one) => `this server cannot be reached over connect ${one.path + 1}: ${one.because}`)
  if (path === null) return error(['no mirror connect reaches the other side', ...deaf].join('; '))
  if (deaf.length > 0) return warning(deaf.join('; '))
  return path === 0
    ? normal('the first mirror connect is used')
    : warning(`the first ${path} of its connects do not answer`)
}
