/** Where this server's alerts go, by the configuration. */
import type { Configuration } from '../../events/index.ts'
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
    hostname: world.hostName(),
    processId: world.processes.own().pid,
    cluster: configuration.cluster,
  }
  return [
    ...(file ? [alertFile(world.files, { path })] : []),
    ...(syslog.local ? [localSyslog({ clock: world.clock, datagrams: world.localDatagrams() }, { identity })] : []),
    ...(syslog.udp === undefined ? [] : [udpSyslog(world, { identity, collector: syslog.udp })]),
  ]
}
