import { describe, expect, test } from 'vitest'
import { heartbeatPaths, type PathKind } from '../../../src/agents/heartbeats/paths.ts'
import type { Voter } from '../../../src/agents/voter/voter.ts'
import type { VoterKit } from '../../../src/agents/voter/voter-kit.ts'
import { type Configuration, pathName } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** A path whose only property is the cluster's name, wanted as long as there are groups. */
const setUp = () => {
  const told: string[] = []
  const voter: Partial<Voter> = {
    addPath: ({ name }) => told.push(`added ${name}`),
    removePath: (name) => told.push(`removed ${name}`),
  }
  const kind: PathKind = (_, { cluster, groups }) => {
    const open = () => {
      told.push(`opened for ${cluster}`)
      return { name: pathName('test'), send: () => {}, close: () => told.push(`closed for ${cluster}`) }
    }
    return Object.keys(groups).length === 0 ? [] : [{ name: pathName('test'), from: { cluster }, open }]
  }
  const paths = heartbeatPaths(new VirtualWorld().world, [kind], {
    voter: voter as Voter, // cast: the rest is not touched
    kit: {} as VoterKit, // cast: not touched
    suspicious: () => {},
    say: () => {},
  })
  const arrange = (cluster: string, ...groups: readonly string[]): readonly string[] => {
    told.length = 0
    const named = Object.fromEntries(groups.map((group) => [group, {}]))
    paths.arrange({ cluster, groups: named } as unknown as Configuration) // cast: the rest is not touched
    return [...told]
  }
  return { paths, told, arrange }
}

describe('a path that the configuration asks for', () => {
  test('is opened once, and left alone by changes that do not concern it', () => {
    const { arrange } = setUp()
    expect(arrange('one', 'a')).toEqual(['opened for one', 'added test'])
    expect(arrange('one', 'a', 'b')).toEqual([])
  })
  test('is closed and opened anew when what it is made from changes', () => {
    const { arrange } = setUp()
    arrange('one', 'a')
    expect(arrange('two', 'a')).toEqual(['removed test', 'closed for one', 'opened for two', 'added test'])
  })
  test('is closed when it is asked for no more', () => {
    const { arrange } = setUp()
    arrange('one', 'a')
    expect(arrange('one')).toEqual(['removed test', 'closed for one'])
  })
  test('is not there as long as there is no configuration', () => {
    const { paths, told } = setUp()
    paths.arrange(null)
    expect(told).toEqual([])
  })
})
