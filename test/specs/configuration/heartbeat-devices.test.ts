import { describe, expect, test } from 'vitest'
import { diffConfiguration } from '../../../src/decisions/diff-configuration.ts'
import { configurationOf, problemsOf, servers } from './samples.ts'

const withDevices = (alpha: string, beta: string, rest = ''): string => `cluster: test
servers:
  - { name: alpha, addresses: { lan: 10.0.0.1 }${alpha} }
  - { name: beta, addresses: { lan: 10.0.0.2 }${beta} }
witness: { name: gamma, addresses: { lan: 10.0.0.3 } }
${rest}`
const cable = (rest = '') => withDevices(', com: /dev/ttyS0', ', com: /dev/ttyS1', rest)
const disk = (rest = '') => withDevices(', diskHeartbeat: /dev/sdx1', ', diskHeartbeat: /dev/sdy1', rest)

describe('a serial cable', () => {
  test('joins two servers', () => {
    expect(problemsOf(cable())).toEqual([])
    const three = servers(3, false).replaceAll(/ \}$/gm, ', com: /dev/ttyS0 }')
    expect(problemsOf(three)).toEqual([
      'c.yaml:3:52 servers[0].com: a serial cable joins two servers, and there are 3; remove com:, or use diskHeartbeat:',
    ])
  })
  test('has two ends', () => {
    expect(problemsOf(withDevices(', com: /dev/ttyS0', ''))).toEqual([
      expect.stringContaining('alpha has a serial line, beta has none; a cable has two ends: add com:'),
    ])
  })
  test('is none of the witness', () => {
    expect(problemsOf(cable().replace('10.0.0.3 }', '10.0.0.3 }, com: /dev/ttyS0'))).not.toEqual([])
  })
  test('that is too slow for the interval is said to be, with numbers', () => {
    expect(problemsOf(cable('heartbeat: { interval: 80ms }'))).toEqual([
      expect.stringMatching(/warning.*136 bytes takes 72 ms at 19200 baud.*every 80ms.*set 38400 or more/),
    ])
    expect(problemsOf(cable('heartbeat: { interval: 80ms, com: { baudRate: 38400 } }'))).toEqual([])
  })
  test('that is too slow to be heard at all is refused', () => {
    const slow = 'heartbeat: { interval: 80ms, timeout: 2s, com: { baudRate: 1200 } }'
    expect(problemsOf(cable(slow))).toEqual([
      expect.stringMatching(/^c.yaml:6.*too slow for a beat every 80ms and a timeout of 2s/),
    ])
  })
})

describe('a heartbeat disk', () => {
  test('is seen by every server', () => {
    expect(problemsOf(disk())).toEqual([])
    expect(problemsOf(withDevices(', diskHeartbeat: /dev/sdx1', ''))).toEqual([
      expect.stringContaining('alpha has a heartbeat disk, beta has none'),
    ])
  })
  test('is not the disk of a group', () => {
    const group = `groups: { db: { servers: [alpha, beta], resources: {
  data: { type: disk, device: /dev/sdx1, mountPoint: /data, fileSystem: ext4 } } } }`
    expect(problemsOf(disk(group))).toEqual([expect.stringContaining('/dev/sdx1 is the disk of data in db')])
  })
  test('is looked at three times within T', () => {
    expect(problemsOf(disk('heartbeat: { disk: { interval: 2s } }'))).toEqual([
      expect.stringMatching(/2s is too long: 3 looks.*3s; set 1s or less/),
    ])
  })
  test('is looked at often enough not to lag behind other paths', () => {
    expect(problemsOf(disk('heartbeat: { interval: 40ms }'))).toEqual([
      expect.stringMatching(/300ms is too long for a beat every 40ms.*set 240ms or less/),
    ])
  })
})

test('cables and disks may be added, changed and removed while the cluster runs', () => {
  const without = configurationOf(withDevices('', ''))
  for (const changed of [cable(), disk(), cable('heartbeat: { com: { baudRate: 115200 } }')]) {
    expect(diffConfiguration(without, configurationOf(changed)).refused).toEqual([])
    expect(diffConfiguration(configurationOf(changed), without).refused).toEqual([])
  }
})

describe('a management controller', () => {
  const bmc = (more: string) => withDevices(`, bmc: { address: 10.9.0.1${more} }`, '')
  test('needs no more than an address, and not every server one', () => {
    expect(problemsOf(bmc(''))).toEqual([])
  })
  test('is asked for the power with the credentials of a fence device that is there', () => {
    expect(problemsOf(bmc(', device: ipmi-alpha'))).toEqual([
      expect.stringContaining('servers[0].bmc.device: there is no fence device ipmi-alpha of type ipmi'),
    ])
  })
})
