import { describe, expect, test } from 'vitest'
import { diffConfiguration } from '../../../src/decisions/diff-configuration.ts'
import { configurationOf, group, problemsOf, two } from './samples.ts'

const md = (more = '', data = '/dev/d1') =>
  `data: { type: md, dataPartition: ${data}, clusterPartition: /dev/c1, mountPoint: /data, port: 29050${more} }`
const withMirror = (more = '', data = '/dev/d1') => two + group(md(more, data))

describe('a mirror disk', () => {
  test('has two partitions on two servers', () => {
    expect(problemsOf(withMirror())).toEqual([])
    expect(problemsOf(withMirror('', '{ alpha: /dev/sda3, beta: /dev/sdb3 }'))).toEqual([])
    expect(problemsOf(withMirror('', '{ alpha: /dev/sda3 }'))).toEqual([
      expect.stringMatching(/dataPartition: beta has none; add beta: with its path/),
    ])
    expect(problemsOf(withMirror('', '{ alpha: /dev/sda3, beta: /dev/sdb3, beto: /dev/sdc3 }'))).toEqual([
      expect.stringMatching(/beto is not in the server list of the group; did you mean "beta"/),
    ])
  })

  test('is mirrored between two servers: one is too few, and a hybrid is refused in so many words', () => {
    expect(problemsOf(withMirror().replace('[alpha, beta]', '[alpha]'))).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/web.data is mirrored between two servers, and its group may run on 1/),
      ]),
    )
    const three = withMirror()
      .replace('witness:', '  - { name: delta, addresses: { lan: 10.0.0.4 } }\n#')
      .replace('[alpha, beta]', '[alpha, beta, delta]')
    expect(problemsOf(three)).toEqual([expect.stringMatching(/may run on 3; name two.*hybrid.*not possible yet/)])
  })

  test('has its partitions for itself', () => {
    expect(problemsOf(withMirror('', '/dev/c1'))).toEqual([
      expect.stringMatching(/\/dev\/c1 of alpha is the data partition of web.data already/),
    ])
    const disk = 'disk: { type: disk, device: /dev/d1, mountPoint: /other }'
    expect(problemsOf(two + group(md(), disk))).toEqual([
      expect.stringMatching(/\/dev\/d1 of alpha is the disk of web.disk already/),
    ])
    const heartbeat = withMirror()
      .replace('10.0.0.1 }', '10.0.0.1 }, diskHeartbeat: /dev/c1')
      .replace('10.0.0.2 }', '10.0.0.2 }, diskHeartbeat: /dev/h1')
    expect(problemsOf(heartbeat)).toEqual([expect.stringMatching(/\/dev\/c1 of alpha is its heartbeat disk already/)])
  })

  test('has a port for itself', () => {
    const other = md().replace('data:', 'more:').replace('/dev/d1', '/dev/d2').replace('/dev/c1', '/dev/c2')
    expect(problemsOf(two + group(md(), other.replace('/data', '/more')))).toEqual([
      expect.stringMatching(/more.port: 29050 is the port of web.data already/),
    ])
    expect(problemsOf(withMirror().replace('29050', '29010'))).toEqual([
      expect.stringMatching(/29010 is a port of the log server of alpha/),
    ])
  })

  test('is mirrored over networks that both servers have', () => {
    expect(problemsOf(withMirror(', connects: [lam]'))).toEqual([
      expect.stringMatching(/there is no network lam; did you mean "lan"/),
    ])
    const one = withMirror(', connects: [fast, lan]').replace('lan: 10.0.0.1', 'lan: 10.0.0.1, fast: 10.1.0.1')
    expect(problemsOf(one)).toEqual(expect.arrayContaining([expect.stringMatching(/beta has no address on fast/)]))
  })

  test('has blocks and regions of a size that its metadata can hold', () => {
    expect(problemsOf(withMirror(', blockSize: 5000'))).toEqual([
      expect.stringMatching(/5000 is not a power of two; set 4096/),
    ])
    expect(problemsOf(withMirror(', blockSize: 2097152'))).toEqual([expect.stringMatching(/1048576/)])
    expect(problemsOf(withMirror(', regionSize: 4096'))).toEqual([
      expect.stringMatching(/regions of 4096 bytes are smaller than blocks of 65536/),
    ])
  })

  test('is watched by monitors that name it, and that only tell by default', () => {
    const watched = (target: string) =>
      `${withMirror()}\nmonitors: { m: { type: mdw, target: ${target} }, n: { type: mdnw, target: ${target} } }\n`
    const configuration = configurationOf(watched('{ group: web, resource: data }'))
    expect(configuration.monitors.m).toMatchObject({ type: 'mdw', recovery: { restarts: 0, failovers: 0 } })
    expect(problemsOf(watched('{ group: web, resource: data }'))).toEqual([])
    expect(problemsOf(watched('{ group: web }'))).toEqual([
      expect.stringMatching(/an mdw needs the mirror disk that it watches; add resource: data/),
      expect.stringMatching(/an mdnw needs the mirror disk that it watches; add resource: data/),
    ])
  })

  test('takes over what a resync goes by at once; another partition restarts the group', () => {
    const before = configurationOf(withMirror())
    const live = configurationOf(withMirror(', resync: { rate: 50 }, ackTimeout: 3s'))
    expect(diffConfiguration(before, live).restarts).toEqual([])
    expect(diffConfiguration(before, configurationOf(withMirror('', '/dev/d9'))).restarts).toMatchObject([
      { group: 'web', because: 'dataPartition of data changes' },
    ])
  })
})
