/** M3: the processes an exec resource started. */
import type { MonitorConfiguration } from '../../events/index.ts'
import type { Cancel, ProcessIdentity, World } from '../../world/world.ts'
import { type ExecPlace, execTag, readExecState } from '../resources/exec-state.ts'
import type { MonitorContext, MonitorDriver, Sight } from './driver.ts'

type Configuration = Extract<MonitorConfiguration, { type: 'pidw' }>
type Context = MonitorContext<Configuration>

/** Resident: its main process. Run to the end: at least one process it left. */
export const pidwDriver = (world: World): MonitorDriver<Configuration> => ({
  look: async (context) => {
    const found = await watchedProcesses(world, context)
    if ('verdict' in found) return found
    const living = found.processes.filter((process) => world.processes.isAlive(process))
    return living.length > 0 ? normal(living) : goneSight(found.processes)
  },
  watch: (context, seen) => watch(world, context, seen),
})

const normal = (living: readonly ProcessIdentity[]): Sight => ({
  verdict: 'normal',
  because: living.length === 1 ? `process ${living[0]?.pid} lives` : `${living.length} processes live`,
})
const goneSight = (processes: readonly ProcessIdentity[]): Sight => ({
  verdict: 'error',
  because:
    processes.length === 0
      ? 'none of its processes lives'
      : `process ${processes.map(({ pid }) => pid).join(', ')} is gone`,
})

const placeOf = ({ target, logDirectory, instance }: Context): ExecPlace | null =>
  target?.resource ? { group: target.group, resource: target.resource, logDirectory, instance } : null

type Found = { readonly processes: readonly ProcessIdentity[]; readonly isResident: boolean }

const watchedProcesses = async (world: World, context: Context): Promise<Found | Sight> => {
  const place = placeOf(context)
  if (place === null) return { verdict: 'unknown', because: 'it has no exec resource as its target' }
  const state = await readExecState(world, place)
  if (state?.phase !== 'started') return { verdict: 'unknown', because: `${place.resource} has not been started here` }
  if (state.mode === 'resident') return { processes: state.main ? [state.main] : [], isResident: true }
  return { processes: await world.processes.members(execTag(place)), isResident: false }
}

const watch = (world: World, context: Context, seen: (sight: Sight) => void): Cancel => {
  const cancels: Cancel[] = []
  let isCancelled = false
  const begin = async (): Promise<void> => {
    const found = await watchedProcesses(world, context)
    if (isCancelled || 'verdict' in found) return
    let left = found.processes.length
    if (left === 0) seen(goneSight([]))
    for (const process of found.processes) {
      cancels.push(
        world.processes.onExit(process, () => {
          left -= 1
          if (left > 0 || isCancelled) return
          if (found.isResident) seen(goneSight(found.processes))
          // Daemons replace their processes: only when nobody is left is the service gone.
          else again()
        }),
      )
    }
  }
  const again = (): void => {
    // What cannot be read now is seen by the next look.
    begin().catch(() => undefined)
  }
  again()
  return () => {
    isCancelled = true
    for (const cancel of cancels) cancel()
  }
}
