/** Alerts and a little world for the specs of what sends them. */
import { sequence, voterName, wallTime } from '../../../src/events/index.ts'
import type { Alert } from '../../../src/projections/alerts.ts'
import type { Clock } from '../../../src/world/world.ts'

export const someAlert: Alert = {
  module: 'rc',
  id: 32,
  severity: 'error',
  message: 'Activating app resource has failed.(99 : command is timeout)',
  at: wallTime(1_795_190_933_007),
  server: voterName('s1'),
  sequence: sequence(123),
}

/** A clock on which every wait is over at once. */
export const hastyClock: Clock = {
  now: () => 0 as ReturnType<Clock['now']>,
  sinceBoot: () => 0 as ReturnType<Clock['sinceBoot']>,
  wall: () => wallTime(0),
  after: (_, run) => {
    queueMicrotask(run)
    return () => undefined
  },
}
