/** Waiting that has a limit: for what may never answer, a disk that stands still above all. */
import type { World } from '../world/world.ts'

/** What `work` resolves to, or `'late'` once `ms` have passed; then its outcome, a rejection too, is nobody's business any more. */
export const within = <T>(world: World, ms: number, work: Promise<T>): Promise<T | 'late'> =>
  new Promise((resolve, reject) => {
    const cancel = world.clock.after(ms, () => resolve('late'))
    work.then(resolve, reject).finally(cancel)
  })
