/** Where this server's alerts go, by the configuration. */
import { hostname } from 'node:os'
import type { Configuration } from '../../events/index.ts'
import { openUnixDatagrams } from '../../world/unix-datagram.ts'
import type { World } from '../../world/world.ts'
import { alertFile } from './alert-file.ts'
import { localSyslog, udpSyslog } from './syslog.ts'
import type { SyslogIdentity } from './syslog-format.ts'
import type { AlertTarget } from './target.ts'

/** Nothing until a configuration is known: then nobody has been told anything twice. */
export const alertTargets = (
  world: World,
  configuration: Configuration | null,
  path: string,
): readonly AlertTarget[] => {
  if (configuration === null) return []
  const { file, syslog } = configuration.alerts
  const identity: SyslogIdentity = {
    facility: syslog.facility,
    hostname: hostname(),
    processId: process.pid,
    cluster: configuration.cluster,
  }
  return [
    ...(file ? [alertFile(world.files, { path })] : []),
    ...(syslog.local ? [localSyslog({ clock: world.clock, datagrams: openUnixDatagrams() }, { identity })] : []),
    ...(syslog.udp === undefined ? [] : [udpSyslog(world, { identity, collector: syslog.udp })]),
  ]
}
