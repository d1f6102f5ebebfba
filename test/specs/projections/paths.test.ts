import { expect, test } from 'vitest'
import { independentPaths, isJeopardy, pathsBetween } from '../../../src/projections/paths.ts'
import { configurationOf, two } from '../configuration/samples.ts'

test('two servers have in common what the configuration gives both', () => {
  const text = `${two}heartbeat: { witness: { url: "http://10.0.0.9:29020" } }\n`
    .replace('10.0.0.1 }', '10.0.0.1, front: 10.1.0.1 }, com: /dev/ttyS0')
    .replace('10.0.0.2 }', '10.0.0.2, front: 10.1.0.2 }, com: /dev/ttyS0')
  const configuration = configurationOf(text)
  expect(pathsBetween(configuration, 'alpha', 'beta')).toEqual(['nats', 'lan:lan', 'lan:front', 'com', 'witness'])
  expect(pathsBetween(configuration, 'alpha', 'gamma')).toEqual(['nats', 'lan:lan'])
})

test.each([
  [
    ['nats', 'lan:a', 'lan:b'],
    ['lan:a', 'lan:b'],
  ],
  [['nats', 'lan:a'], ['lan:a']],
  [['nats', 'witness'], ['nats']],
  [
    ['nats', 'com'],
    ['com', 'nats'],
  ],
  [
    ['lan:a', 'com', 'disk', 'witness'],
    ['lan:a', 'com', 'disk'],
  ],
  [[], []],
])('%j: independent of each other are %j', (alive, independent) => {
  expect(independentPaths(alive)).toEqual(independent)
})

test.each([
  [['lan:a', 'nats'], ['lan:b'], true, 'beats by the log’s connection travel on the network that is left'],
  [['lan:a', 'com'], ['lan:b'], false, 'a network and a cable are two'],
  [['lan:a'], ['nats'], false, 'there never was more than the one network'],
  [['nats'], ['lan:a', 'lan:b'], true, 'all networks are gone'],
  [[], ['lan:a'], false, 'that is silence, not jeopardy'],
])('alive %j, lost %j: jeopardy %s, since %s', (alive, lost, expected) => {
  expect(isJeopardy(alive, lost)).toBe(expected)
})
