/** What is done about two copies that are not the same: never anything that could cost both of them. */
import { expect, test } from 'vitest'
import { logCopier, OtherCopyLost, type SetAside } from '../../../src/agents/pair/log-copier.ts'
import type { LogSide } from '../../../src/agents/pair/log-side.ts'
import { pairLog } from '../../../src/agents/pair/pair-log.ts'
import {
  type Commit,
  encodeCommit,
  generationOf,
  type Position,
  sequence,
  serverName,
  start,
  voterName,
} from '../../../src/events/index.ts'
import { sidesOf } from '../../../src/projections/log-sides.ts'
import { newCommit } from '../events/event-log-contract.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { MemoryCopy, memorySide } from './memory-side.ts'

const [s1, s2] = [voterName('s1'), voterName('s2')]
const members = [serverName('s1'), serverName('s2')]
const declaredDown = (server: string): Commit => {
  const data = { server: serverName(server), generation: generationOf(sequence(1)), supports: [] }
  return { ...newCommit(), events: [{ type: 'ServerDeclaredDown', data }] }
}

/** The agent of s1, whose copy ends with `mine`; the other one goes on with `theirs`, after three that both have. */
const agentOfS1 = ({ mine = [], theirs = [] }: { mine?: readonly Commit[]; theirs?: readonly Commit[] }) => {
  const virtual = new VirtualWorld()
  const { digest } = virtual.world
  const copies = { s1: new MemoryCopy(s1), s2: new MemoryCopy(s2) }
  const put = (copy: MemoryCopy, after: Position, commits: readonly Commit[]): Position =>
    commits.reduce((before: Position, commit) => {
      const bytes = encodeCommit(commit, before.hash)
      copy.store(before, bytes)
      return { sequence: sequence(before.sequence + 1), hash: digest(bytes) }
    }, after)
  const common = [newCommit(), newCommit(), newCommit()]
  const end = put(copies.s1, start, common)
  put(copies.s2, start, common)
  put(copies.s1, end, mine)
  put(copies.s2, end, theirs)
  const kept: SetAside[] = []
  const peer = memorySide(copies.s2)
  const own = memorySide(copies.s1)
  const open = (peerSide: LogSide = peer, keep = async () => 'tail.jsonl') => {
    const from = { position: start, sides: sidesOf(members) }
    const log = pairLog(virtual.world, { me: s1, members, own, peer: peerSide, from })
    log.follow(start, { commits: () => {}, trouble: () => {}, repaired: () => {} })
    const setAside = async (what: SetAside) => {
      kept.push(what)
    }
    const parts = {
      cluster: 'demo',
      members,
      log,
      own,
      peer: peerSide,
      keep,
      setAside,
      say: () => {},
      changed: () => {},
    }
    return { log, copier: logCopier(virtual.world, parts) }
  }
  return { virtual, copies, peer, kept, open }
}

test('a tail that never stood is set aside, and the copy is filled from the other one', async () => {
  const { virtual, copies, kept, open } = agentOfS1({ mine: [newCommit()], theirs: [declaredDown('s1'), newCommit()] })
  open()
  for (let look = 0; look < 20; look++) await virtual.pass(200)
  expect(kept).toEqual([{ after: 3, count: 1, file: 'tail.jsonl' }])
  expect(copies.s1.bytes).toEqual(copies.s2.bytes)
})

// It was taken for another history, with which nothing was common: this server gave up all that it had, and the log was gone.
test('a copy that is lost while the two are compared is no other history: nothing is given up', async () => {
  const { virtual, copies, peer, kept, open } = agentOfS1({ mine: [newCommit()], theirs: [declaredDown('s1')] })
  let isLost = false
  const dying: LogSide = {
    ...peer,
    end: async () => {
      const end = await peer.end()
      if (isLost) copies.s2.empty()
      return end
    },
  }
  const { log, copier } = open({ ...dying, at: async (at) => (isLost || at <= 3 ? peer.at(at) : 'unreachable') })
  // Until it is lost the copies cannot be told apart, and s1 has read what s2 decided.
  await virtual.pass(2000)
  expect(log.reached().sequence).toBe(4)
  isLost = true
  await virtual.pass(2000)
  expect(copier.standing().split).toBeNull()
  expect(kept).toEqual([])
  expect(copies.s1.bytes).toHaveLength(4)
})

test('a server that lost a split keeps its copy, if the other one is lost while it writes its tail down', async () => {
  const both = agentOfS1({ mine: [declaredDown('s2'), newCommit()], theirs: [declaredDown('s1'), newCommit()] })
  const { virtual, copies, peer, kept, open } = both
  let forgot = 0
  const { copier } = open(peer, async () => {
    copies.s2.empty()
    return 'tail.jsonl'
  })
  const forget = async () => {
    forgot += 1
  }
  await expect(copier.yield(sequence(3), forget)).rejects.toThrow(OtherCopyLost)
  await expect(copier.yield(sequence(3), forget)).rejects.toThrow(OtherCopyLost)
  expect({ forgot, kept }).toEqual({ forgot: 0, kept: [] })
  expect(copies.s1.bytes).toHaveLength(5)
  await virtual.pass(1000)
  copier.stop()
})
