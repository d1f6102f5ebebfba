/** A management controller for every server, on a host of their own: what it is told happens to the server's host. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Part } from '../cluster/configuration.ts'
import { type IpmiSim, startIpmiSim } from '../lab/ipmi-sim.ts'
import type { Lab } from '../lab/lab.ts'

export const controllersHost = 'bmc'

const portOf = (server: string): number => 6000 + Number(server.slice(1))
const passwordFileIn = (lab: Lab): string => join(lab.directory, 'bmc.password')

/** A lost server is switched off by its controller before its groups run elsewhere. */
export const fencingOf =
  (servers: readonly string[]) =>
  (lab: Lab): Part => ({
    fencing: {
      policy: 'required',
      retries: 1,
      pause: '500ms',
      retryEvery: '2s',
      devices: Object.fromEntries(servers.map((server) => [`bmc-${server}`, deviceOf(lab, server)])),
      levels: Object.fromEntries(servers.map((server) => [server, [[`bmc-${server}`]]])),
    },
  })

const deviceOf = (lab: Lab, server: string): Part => ({
  type: 'ipmi',
  address: lab.host(controllersHost).address.interconnect,
  port: portOf(server),
  user: 'admin',
  passwordFile: passwordFileIn(lab),
  cipher: 3,
  timeout: '8s',
})

/** `switchOff` really takes the power of the server. */
export const startControllers = async (
  lab: Lab,
  servers: readonly string[],
  switchOff: (server: string) => Promise<void>,
): Promise<ReadonlyMap<string, IpmiSim>> => {
  await writeFile(passwordFileIn(lab), 'secret', { mode: 0o600 })
  const host = lab.host(controllersHost)
  const controllers = new Map<string, IpmiSim>()
  for (const server of servers) {
    const controller = await startIpmiSim(host, {
      directory: join(lab.directory, `bmc-of-${server}`),
      address: host.address.interconnect,
      port: portOf(server),
      ordered: async (order) => {
        if (order === 'off') await switchOff(server)
      },
    })
    controllers.set(server, controller)
  }
  return controllers
}
