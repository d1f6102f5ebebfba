/** Unmounts whatever the world does: patience first, then ending those who hold it, and never calling a detached
 *  file system unmounted: it is still written. */
import type { DiskConfiguration } from '../../events/index.ts'
import type { ProcessIdentity, World } from '../../world/world.ts'
import type { Outcome, StopLimit } from './driver.ts'
import { mounts, ofDevice } from './mounts.ts'
import { failure, remaining, stall } from './outcome.ts'
import { allEnded, pause } from './sweep.ts'

// The kernel does not tell when a mount stops being busy.
const retryMs = 100
// Enough for a process to end by itself once it is told to.
const patienceMs = 1000
// A process that starts to use the mount while others are ended is ended in the next round.
const maxKillRounds = 5
const detachMs = 2000

/** What is to be unmounted from where, and how patiently. */
export type Mounted = Pick<DiskConfiguration, 'device' | 'mountPoint' | 'killUsersAfter'>
type Job = {
  readonly world: World
  readonly configuration: Mounted
  readonly limit: StopLimit
  readonly until: number
}

/** What umount(8) said last. */
type Try = 'done' | 'stalled' | { readonly busy: string }

/** Takes the file system off its mount point, wherever else it is mounted being none of our business. */
export const unmount = async (world: World, configuration: Mounted, limit: StopLimit): Promise<Outcome> => {
  const job = { world, configuration, limit, until: world.clock.now() + limit.timeoutMs }
  const { device, mountPoint } = configuration
  if (!(await isMounted(job))) return isFree(job)
  let last = await tryOnce(job)
  const patientUntil = world.clock.now() + (limit.urgent ? 0 : configuration.killUsersAfter)
  while (typeof last === 'object' && world.clock.now() < Math.min(patientUntil, job.until) && !limit.signal.aborted) {
    await pause(world, retryMs, limit.signal)
    last = await tryOnce(job)
  }
  for (let round = 0; typeof last === 'object' && round < maxKillRounds && canGoOn(job); round++) {
    await endUsers(job)
    last = await tryOnce(job)
  }
  if (last === 'done') return isFree(job)
  if (limit.signal.aborted && !limit.urgent) return failure(`cancelled while ${mountPoint} was being unmounted`)
  if (limit.urgent) await world.processes.run(['umount', '-l', mountPoint], { timeoutMs: detachMs })
  if (last === 'stalled') return stall(`unmounting ${mountPoint} did not end in time`)
  const detached = limit.urgent ? `; it is detached, but ${device} is still being written` : ''
  return failure(`${mountPoint} cannot be unmounted: ${last.busy}; held by ${await holders(job)}${detached}`)
}

const canGoOn = ({ world, limit, until }: Job): boolean =>
  (limit.urgent || !limit.signal.aborted) && world.clock.now() < until

const isMounted = async ({ world, configuration: { device, mountPoint } }: Job): Promise<boolean> =>
  (await ofDevice(world, await mounts(world), device)).some((mount) => mount.mountPoint === mountPoint)

/** Off the mount point is not enough: another mount namespace may have it still, and write to it. */
const isFree = async ({ world, configuration: { device } }: Job): Promise<Outcome> => {
  const elsewhere = await ofDevice(world, await mounts(world), device)
  if (elsewhere[0]) return failure(`${device} is still mounted on ${elsewhere[0].mountPoint}`)
  try {
    if (!(await world.devices.isHeld(device))) return { ok: true }
    return failure(`${device} is still in use on this server, by another mount namespace or a detached mount`)
  } catch {
    // The device is gone altogether.
    return { ok: true }
  }
}

const tryOnce = async ({ world, configuration, limit, until }: Job): Promise<Try> => {
  const result = await world.processes.run(['umount', configuration.mountPoint], {
    timeoutMs: Math.max(retryMs, remaining(world, until)),
    ...(!limit.urgent && { signal: limit.signal }),
  })
  if (result.code === 0) return 'done'
  if (result.timedOut || result.code === null) return 'stalled'
  return { busy: result.stderr.trim() }
}

const endUsers = async ({ world, configuration, limit, until }: Job): Promise<void> => {
  const users = await world.devices.users(configuration.mountPoint)
  const end = async (signal: 'SIGTERM' | 'SIGKILL', ms: number): Promise<boolean> => {
    for (const user of users) world.processes.signal(user, signal)
    return allEnded(world, users, { ms: Math.min(ms, remaining(world, until)) })
  }
  if (!limit.urgent && (await end('SIGTERM', patienceMs))) return
  await end('SIGKILL', patienceMs)
}

const holders = async ({ world, configuration }: Job): Promise<string> => {
  const users = await world.devices.users(configuration.mountPoint)
  if (users.length === 0) return 'no process that can be seen (a mount below it, or the kernel)'
  const names = await Promise.all(users.slice(0, 5).map((user) => nameOf(world, user)))
  return names.join(', ')
}

const nameOf = async (world: World, { pid }: ProcessIdentity): Promise<string> =>
  `${pid} (${(await world.files.read(`/proc/${pid}/comm`))?.trim() ?? 'gone'})`
