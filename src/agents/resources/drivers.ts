/** Which driver serves which type of resource. */
import type { ResourceConfiguration } from '../../events/index.ts'
import type { World } from '../../world/world.ts'
import type { Mirrors } from '../mirror/mirrors.ts'
import { diskDriver } from './disk.ts'
import type { ResourceDriver } from './driver.ts'
import { execDriver } from './exec.ts'
import { fipDriver } from './fip.ts'
import { mirrorDriver } from './md.ts'
import { serviceDriver } from './service.ts'

/** A driver is only given resources of its own type, which the type cannot say of a table. */
const forAny = <C extends ResourceConfiguration>(driver: ResourceDriver<C>): ResourceDriver =>
  driver as unknown as ResourceDriver

/** With what activates mirrors: the agent's. */
export const drivenMirrors = (world: World, mirrors: Mirrors): ResourceDriver => forAny(mirrorDriver(world, mirrors))

/** One of each; they keep no state but what the machine has. */
export const resourceDrivers = (world: World): Record<ResourceConfiguration['type'], ResourceDriver> => ({
  exec: forAny(execDriver(world)),
  fip: forAny(fipDriver(world)),
  disk: forAny(diskDriver(world)),
  md: forAny(mirrorDriver(world, null)),
  service: forAny(serviceDriver(world)),
})
