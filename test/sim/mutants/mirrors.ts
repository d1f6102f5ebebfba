/** Rules of mirror disks in whole clusters: those of the joint simulation that leases, agents or power of a cluster may break, and more. */
import { mirrorMutants } from '../mirror/mutants.ts'
import type { Edit, Mutant } from './mutant.ts'
import { mirroredGroup, quick } from './plans.ts'

const group = { ...mirroredGroup, name: 'g1' }
const mirrored = { ...quick, servers: 2, hasWitness: true, networks: ['lan', 'public'], groups: [group] }
const kept = /acknowledged writes are kept/

/** The same edits as there. @throws RangeError when no rule there has that name */
const edits = (name: string): Edit & Pick<Mutant, 'rule' | 'also'> => {
  const found = mirrorMutants.find((one) => one.name === name)
  if (found === undefined) throw new RangeError(`no mutant of a mirror is called: ${name}`)
  const { file, find, instead, rule, also } = found
  return { file, find, instead, rule, ...(also ? { also } : {}) }
}

export const clusterMirrorMutants: readonly Mutant[] = [
  {
    ...edits('a write is acknowledged before the log knows of the break'),
    name: 'in a cluster, a write is acknowledged before the log knows of the break',
    seenBy: kept,
    plan: mirrored,
    faults: /one-way cut|isolated|network down|kill mirror/,
  },
  {
    ...edits('a stale copy may be given the group'),
    name: 'in a cluster, a stale copy may be given the group',
    seenBy: kept,
    plan: mirrored,
    faults: /crash|blackout|kill mirror/,
  },
  {
    ...edits('what was acknowledged and not flushed is believed to be there after a power loss'),
    name: 'in a cluster, what was acknowledged and not flushed is believed to be there after a power loss',
    seenBy: kept,
    // Large enough for pages that are not written again before the other side is back.
    plan: { ...mirrored, groups: [{ ...group, name: 'web' }], mirrorPages: 256 },
    scene: Array.from({ length: 4 }, () => [
      { after: '5s', do: 'power off s2' },
      { after: '1s', do: 'power on s2', expect: 'mirror web.disk whole within 60s' },
    ]).flat(),
  },
  {
    name: 'a server whose machine was restarted goes on under its generation',
    rule: 'a copy is judged by the start of its machine that the log knows of',
    file: 'agents/duties.ts',
    find: "(isKnown ? null : 'its machine has restarted')",
    instead: 'null',
    seenBy: /not everything is online again/,
    plan: { ...mirrored, timeoutMs: 8000, intervalMs: 500 },
    faults: /crash|blackout/,
  },
]
