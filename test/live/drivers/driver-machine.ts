/** Hosts for tests of resource drivers: the first runs them, the last thing to go is the lab. */
import type { Host } from '../lab/host.ts'
import { createLab, type Lab } from '../lab/lab.ts'
import { DriverHost } from './driver-host.ts'

export type DriverMachine = AsyncDisposable & {
  readonly lab: Lab
  readonly host: Host
  readonly drivers: DriverHost
}

export const driverMachine = async (hosts: readonly string[] = ['s1']): Promise<DriverMachine> => {
  const lab = await createLab({ hosts })
  const host = lab.host('s1')
  const drivers = await DriverHost.start(host, lab.directory)
  return { lab, host, drivers, [Symbol.asyncDispose]: () => lab.destroy() }
}
