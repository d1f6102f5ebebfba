/** Which driver serves which type of monitor. */
import type { MonitorConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { MonitorDriver } from './driver.ts'
import { genwDriver } from './genw.ts'
import { ipwDriver } from './ipw.ts'
import { miiwDriver } from './miiw.ts'
import { type LookAtMirror, mdnwDriver, mdwDriver } from './mirror.ts'
import { pidwDriver } from './pidw.ts'

/** A driver is only given monitors of its own type, which the type cannot say of a table. */
const forAny = <C extends MonitorConfiguration>(driver: MonitorDriver<C>): MonitorDriver =>
  driver as unknown as MonitorDriver

/** One of each. */
export const monitorDrivers = (world: World): Record<MonitorConfiguration['type'], MonitorDriver> => ({
  ipw: forAny(ipwDriver(world)),
  pidw: forAny(pidwDriver(world)),
  miiw: forAny(miiwDriver(world)),
  genw: forAny(genwDriver(world)),
  // Nobody looks after mirrors here: an agent that does brings its own.
  mdw: forAny(mdwDriver(null)),
  mdnw: forAny(mdnwDriver(null)),
})

/** With the mirrors that this server's agent looks after. */
export const withMirrors = (
  drivers: ReturnType<typeof monitorDrivers>,
  look: LookAtMirror,
): ReturnType<typeof monitorDrivers> => ({
  ...drivers,
  mdw: forAny(mdwDriver(look)),
  mdnw: forAny(mdnwDriver(look)),
})
