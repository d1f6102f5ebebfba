/** What the checker says of fencing and of final actions. */
import { expect, test } from 'vitest'
import { inputOf, plugsOf } from '../../../src/agents/fencing/fence-agent.ts'
import { commandOfAction } from '../../../src/agents/fencing/final-action.ts'
import { ipmiCommand } from '../../../src/agents/fencing/ipmi.ts'
import { machineActions } from '../../../src/events/index.ts'
import { configurationOf, problemsOf, web } from './samples.ts'

const servers = ['alpha', 'beta']
const bmc = (more = '') => `{ type: ipmi, address: 10.0.9.1, user: admin, passwordFile: /etc/baton/bmc${more} }`
const strip = (more = '') => `{ type: agent, agent: fence_apc, options: { ip: 10.0.9.9 }${more} }`
const everybody = (levels: string) => servers.map((server) => `${server}: ${levels}`).join(', ')
const fencing = (devices: string, levels: string, more = '') =>
  `${web}fencing: { policy: required, devices: { ${devices} }, levels: { ${levels} }${more} }\n`
const good = fencing(`bmc: ${bmc()}, strip: ${strip()}`, everybody('[[bmc], [strip]]'))

const problems = (text: string) => problemsOf(text).join('\n')

test('two levels, the second with power of its own, leave nothing to say', () => {
  expect(problems(good)).toBe('')
  expect(configurationOf(good).fencing).toMatchObject({
    policy: 'required',
    action: 'off',
    retries: 2,
    retryEvery: 60_000,
    devices: { bmc: { sharesPower: true, interface: 'lanplus', action: 'off' }, strip: { sharesPower: false } },
  })
})

test('without a word about it nobody is fenced', () => {
  expect(configurationOf(web).fencing).toMatchObject({ policy: 'off', devices: {}, levels: {} })
})

test.each([
  [good.replace(', beta: [[bmc], [strip]]', ''), 'beta may run groups and has no fence device'],
  [good.replace('[strip]]', '[stripe]]'), 'there is no fence device stripe; did you mean "strip"?'],
  [good.replace('alpha: [[bmc]', 'alpa: [[bmc]'), 'there is no server alpa; did you mean "alpha"?'],
  [good.replace('[[bmc], [strip]]', '[[bmc, bmc]]'), 'bmc stands twice in this level'],
  [
    fencing(`bmc: ${bmc()}`, everybody('[[bmc]]')),
    'warning: fencing.levels.alpha: alpha is fenced only by what loses its power with it',
  ],
  [good.replace('passwordFile: /etc', 'passwordFile: etc'), 'is not an absolute path'],
  [good.replace('policy: required', 'policy: requird'), 'did you mean "required"?'],
  [
    good.replace('policy: required', 'policy: off'),
    'warning: fencing.levels: fencing.policy is off, so nobody is fenced',
  ],
  [good.replace('/etc/baton/bmc', '/etc/baton/bmc, action: reset'), 'a reset cannot be verified'],
  [good.replace('/etc/baton/bmc', '/etc/baton/bmc, acton: off'), '"acton" is not a key here'],
  [good.replace('ip: 10.0.9.9', 'ip: 10.0.9.9, password: secret'), 'password stands on the cluster'],
  [good.replace('{ bmc:', `{ spare: ${bmc()}, bmc:`), 'warning: fencing.devices.spare: no level uses spare'],
  [
    good.replace('{ bmc:', '{ mine: { type: command, off: halt }, bmc:').replace('[[bmc]', '[[mine]'),
    'warning: fencing.devices.mine.off: without status, that the server is off rests on the exit code',
  ],
])('what could never prove a server off is found before it is needed: %#', (text, message) => {
  expect(text).not.toBe(good)
  expect(problems(text)).toContain(message)
})

const withOptions = (options: string) => good.replace('ip: 10.0.9.9', `ip: 10.0.9.9, ${options}`)

test.each([
  ['pcmk_host_list: alpha', 'pcmk_host_list does not name beta, but fencing.levels does'],
  ['pcmk_host_check: dynamic-list', 'pcmk_host_check says nothing here: fencing.levels says'],
  ['pcmk_action_limit: "2"', 'pcmk_action_limit says nothing here: orders for two servers may'],
  ['pcmk_reboot_timeout: "60"', 'switched on; write pcmk_off_timeout and pcmk_on_timeout'],
  ['pcmk_monitor_retries: "3"', 'watched by its status; write pcmk_status_retries'],
  ['pcmk_of_timeout: "60"', 'pcmk_of_timeout says nothing here; did you mean "pcmk_off_timeout"?'],
  ['pcmk_off_timeout: soon', '"soon" is no time; write seconds, or a unit with it: 20, 20s, 2min'],
  ['pcmk_delay_base: "alpha:1s;beta:later"', '"alpha:1s;beta:later" is no time'],
  ['pcmk_off_retries: many', '"many" is no number of attempts'],
  ['action: reboot', 'action is not passed on; write offAction'],
])('an option that would be dropped without a word is told by its name: %s', (options, message) => {
  const found = problems(withOptions(options))
  expect(found).toContain('warning: fencing.devices.strip.options.')
  expect(found).toContain(message)
})

test('options that mean something here are no matter', () => {
  const times =
    'pcmk_delay_base: "alpha:0;beta:10s", pcmk_delay_max: 15s, pcmk_off_timeout: "60", pcmk_on_timeout: 1min'
  const rest = 'pcmk_host_list: "alpha,beta", pcmk_host_map: "alpha:1;beta:2", pcmk_status_retries: "2", delay: "1"'
  expect(problems(withOptions(`${times}, ${rest}`))).toBe('')
})

test('a final action by a keepalive device needs the command for it', () => {
  const monitors = (action: string) =>
    `${web}monitors: { m: { type: genw, script: look, target: { group: web }, recovery: { finalAction: ${action} } } }\n`
  expect(problems(monitors('keepalive-reset'))).toContain('keepalive-reset needs a keepalive device')
  expect(problems(`${monitors('keepalive-reset')}finalActions: { keepaliveReset: 'echo V > /dev/ka' }\n`)).toBe('')
  expect(problems(monitors('reboot'))).toBe('')
})

test('every final action has its command, those of a keepalive device only where it is configured', () => {
  const commands = configurationOf(web).finalActions
  const without = machineActions.filter((action) => commandOfAction(action, commands) === null)
  expect(without).toEqual(['keepalive-reset', 'keepalive-panic'])
  expect(commandOfAction('bmc-cycle', commands)).toBe('ipmitool chassis power cycle')
})

const deviceOf = <T extends string>(type: T, text: string) => {
  const device = configurationOf(fencing(`one: ${text}`, everybody('[[one]]'))).fencing.devices.one
  if (device?.type !== type) throw new Error('another device')
  return device
}

test('ipmitool gets its password by file', () => {
  const device = deviceOf('ipmi', bmc(', cipher: 17, privilege: OPERATOR'))
  if (device.type !== 'ipmi') return
  expect(ipmiCommand(device, 'chassis', 'power', 'off').join(' ')).toBe(
    'ipmitool -I lanplus -H 10.0.9.1 -p 623 -U admin -f /etc/baton/bmc -L OPERATOR -C 17 -N 1 -R 3 chassis power off',
  )
})

test('plugs come from the host map, from Pacemaker’s own, or are the server’s name', () => {
  const plugs = (more: string, server = 'beta') => {
    const device = deviceOf('agent', strip(more))
    return device.type === 'agent' ? plugsOf(device, server) : []
  }
  expect(plugs('')).toEqual(['beta'])
  expect(plugs(', hostMap: { beta: [p1, p2] }')).toEqual(['p1', 'p2'])
  expect(plugs(', argument: none')).toEqual([''])
  const text = strip().replace('ip: 10.0.9.9', 'ip: 10.0.9.9, pcmk_host_map: "alpha:1;beta:2,3"')
  const device = deviceOf('agent', text)
  if (device.type !== 'agent') return
  expect(plugsOf(device, 'beta')).toEqual(['2', '3'])
  expect(plugsOf(device, 'gamma')).toEqual(['gamma'])
  // Pacemaker's own options are not the agent's.
  expect(inputOf(device, 'off', '2')).toEqual(['ip=10.0.9.9', 'plug=2', 'action=off'])
})
