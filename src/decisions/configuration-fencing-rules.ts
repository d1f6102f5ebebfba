/** What must be so of fencing (F2) and of final actions (F1): a proof that can never come must be found before it is needed. */
import type { FenceDeviceConfiguration, FinalAction } from '../events/configuration.ts'
import type { RuleContext } from './configuration-rules.ts'
import type { Path, Problem } from './configuration-source.ts'
import { didYouMean } from './did-you-mean.ts'
import { doubtfulOptions, type OptionDoubt } from './pacemaker-options.ts'

export const fencingRules = (context: RuleContext): readonly Problem[] => [
  ...(context.broken(['fencing']) ? [] : [...levelRule(context), ...coverRule(context), ...deviceRule(context)]),
  ...(context.broken(['heartbeat']) || context.broken(['fencing']) ? [] : keepRule(context)),
  ...(context.broken(['finalActions']) || context.broken(['ownProcesses']) ? [] : keepaliveRule(context)),
]

/** Levels name servers and devices that exist; a device stands once in a level; every device is used. */
const levelRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { servers, fencing } = configuration
  const names = servers.map(({ name }) => name)
  const devices = Object.keys(fencing.devices)
  const problems = Object.entries(fencing.levels).flatMap(([server, levels]) => {
    const at = ['fencing', 'levels', server]
    if (!names.includes(server)) {
      const remedy = didYouMean(server, names)
      return [report({ path: at, place: 'key', message: `there is no server ${server}`, remedy })]
    }
    return levels.flatMap((level, index) =>
      level.flatMap((device, position) => {
        const path = [...at, index, position]
        if (!devices.includes(device))
          return [report({ path, message: `there is no fence device ${device}`, remedy: didYouMean(device, devices) })]
        return level.indexOf(device) < position
          ? [report({ path, message: `${device} stands twice in this level`, remedy: 'remove it' })]
          : []
      }),
    )
  })
  const used = new Set(Object.values(fencing.levels).flat(2))
  const unused = devices.filter((device) => !used.has(device))
  return [
    ...problems,
    ...unused.map((device) =>
      report({
        path: ['fencing', 'devices', device],
        place: 'key',
        message: `no level uses ${device}`,
        remedy: 'add it to fencing.levels, or remove it',
        severity: 'warning',
      }),
    ),
  ]
}

/** With `keep` there is no takeover without a proof; without devices, a person has to give it. */
const keepRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { heartbeat, fencing, servers } = configuration
  const bare = servers.filter(({ name }) => (fencing.levels[name] ?? []).length === 0).map(({ name }) => name)
  if (heartbeat.onQuorumLoss !== 'keep' || servers.length < 2 || (bare.length === 0 && fencing.policy !== 'off'))
    return []
  const which = fencing.policy === 'off' ? 'nobody is fenced' : `${bare.join(', ')} cannot be fenced`
  const message = `${which}: nothing is taken over before a person has said that the server is off`
  const remedy = 'write fencing.levels and fencing.policy, or onQuorumLoss: release'
  return [report({ path: ['heartbeat', 'onQuorumLoss'], message, remedy, severity: 'warning' })]
}

/** Under `required` every server that may run groups can be fenced, and not only by what dies together with it. */
const coverRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { fencing, groups, servers } = configuration
  if (fencing.policy === 'off') {
    const path = ['fencing', 'levels']
    const message = 'fencing.policy is off, so nobody is fenced'
    const remedy = 'write policy: required, or preferred'
    return Object.keys(fencing.levels).length > 0
      ? [report({ path, place: 'key', message, remedy, severity: 'warning' })]
      : []
  }
  const mayRun = new Set(Object.values(groups).flatMap((group) => group.servers))
  return servers.flatMap(({ name }) => {
    if (!mayRun.has(name)) return []
    const levels = fencing.levels[name]
    if (!levels) {
      const isError = fencing.policy === 'required'
      const message = `${name} may run groups and has no fence device${isError ? ': when it is lost, only an operator can say that it is off' : ''}`
      const path = ['fencing', 'levels']
      return [
        report({
          path,
          place: 'key',
          message,
          remedy: `add ${name}: [[DEVICE]]`,
          severity: isError ? 'error' : 'warning',
        }),
      ]
    }
    const sharing = (device: string) => fencing.devices[device]?.sharesPower ?? false
    const isAlone = levels.every((level) => level.some(sharing))
    const message = `${name} is fenced only by what loses its power with it: after a power failure of ${name} nothing can prove it off`
    const remedy = 'add a level with a switched power strip; or write sharesPower: false where it has power of its own'
    const path = ['fencing', 'levels', name]
    return isAlone ? [report({ path, place: 'key', message, remedy, severity: 'warning' })] : []
  })
}

/** Doubts about single devices. */
const deviceRule = ({ configuration: { fencing }, report }: RuleContext): readonly Problem[] =>
  Object.entries(fencing.devices).flatMap(([name, device]) => {
    const servers = Object.keys(fencing.levels).filter((server) => fencing.levels[server]?.flat().includes(name))
    return doubtsAbout(device, servers).map(({ key, message, remedy }) =>
      report({ path: ['fencing', 'devices', name, ...key], message, remedy, severity: 'warning' }),
    )
  })

/** `servers`: those that the device is to end. */
const doubtsAbout = (device: FenceDeviceConfiguration, servers: readonly string[]): readonly OptionDoubt[] => {
  if (device.type === 'ipmi' && device.action === 'reset') {
    const message = 'a reset cannot be verified: the proof is the word of the controller alone'
    return [{ key: ['action'], message, remedy: 'write off, or cycle' }]
  }
  if (device.type === 'command' && device.status === undefined) {
    const message = 'without status, that the server is off rests on the exit code of off alone'
    return [{ key: ['off'], message, remedy: 'add status' }]
  }
  if (device.type !== 'agent') return []
  const secret = ['password', 'passwd', 'snmp_priv_passwd', 'login_pass'].find((key) => key in device.options)
  const message = `${secret} stands on the cluster's log, where every server can read it for ever`
  const remedy = `put it into a file, and under secrets: ${secret}: /path`
  return [
    ...(secret === undefined ? [] : [{ key: ['options', secret], message, remedy }]),
    ...doubtfulOptions(device.options, servers),
  ]
}

/** There is no keepalive device by default, so an action by it needs its command. */
const keepaliveRule = ({ configuration, report }: RuleContext): readonly Problem[] => {
  const { groups, monitors, finalActions, ownProcesses } = configuration
  const asked: { readonly path: Path; readonly action: FinalAction | undefined }[] = [
    { path: ['ownProcesses', 'action'], action: ownProcesses.action },
    ...Object.entries(groups).flatMap(([group, { resources }]) =>
      Object.entries(resources).flatMap(([name, resource]) =>
        (['activation', 'deactivation'] as const).flatMap((step) =>
          (['finalAction', 'stallAction'] as const).map((key) => ({
            path: ['groups', group, 'resources', name, step, key],
            action: resource[step][key],
          })),
        ),
      ),
    ),
    ...Object.entries(monitors).map(([name, { recovery }]) => ({
      path: ['monitors', name, 'recovery', 'finalAction'],
      action: recovery.finalAction,
    })),
  ]
  return asked.flatMap(({ path, action }) => {
    const key = action === 'keepalive-reset' ? 'keepaliveReset' : action === 'keepalive-panic' ? 'keepalivePanic' : null
    if (key === null || finalActions[key] !== undefined) return []
    const message = `${action} needs a keepalive device, and there is none by default`
    return [report({ path, message, remedy: `write its command as finalActions.${key}, or choose another action` })]
  })
}
