/** What is said of a lease that was lost, by the agent that lost it or by the next one. */
import { beforeEach, describe, expect, test } from 'vitest'
import { type LeaseWatch, type LostLease, leaseWatch } from '../../../src/agents/voter/lease-watch.ts'
import {
  type Event,
  generationOf,
  groupName,
  type Instant,
  instant,
  noGeneration,
  sequence,
} from '../../../src/events/index.ts'
import { s1 } from '../liveness/voters.ts'

const web = groupName('web')
const generation = generationOf(sequence(3))

let noted: Event[]
let isOff: boolean
let hasBarrier: boolean
let watch: LeaseWatch

const started = (lost: LostLease | null = null): LeaseWatch =>
  leaseWatch({
    me: s1,
    guardian: { lost },
    runner: {
      observed: () => [],
      isAllOff: () => isOff,
    },
    generation: () => generation,
    hasBarrier: () => hasBarrier,
    renouncing: () => noGeneration,
    keeps: () => false,
    note: (event) => noted.push(event),
    say: () => {},
  })
const at = (ms: number): Instant => instant(ms)

beforeEach(() => {
  noted = []
  isOff = true
  hasBarrier = true
  watch = started()
})

describe('an agent that never had a lease', () => {
  test('has lost none', () => {
    watch.look(false, at(1000))
    expect(watch.lostMs(at(5000))).toBeNull()
    watch.look(true, at(6000))
    expect(noted).toEqual([])
  })
})

describe('an agent whose lease ends', () => {
  beforeEach(() => {
    watch.look(true, at(1000))
    isOff = false
    watch.look(false, at(2000))
  })

  test('has been without it since then, until it has one again', () => {
    expect(watch.lostMs(at(2700))).toBe(700)
    watch.look(true, at(3000))
    expect(watch.lostMs(at(3000))).toBeNull()
  })

  test('says so once it may write, and how long it took to be off', () => {
    isOff = true
    watch.look(false, at(2300))
    hasBarrier = false
    watch.look(true, at(4000))
    expect(noted).toEqual([])
    hasBarrier = true
    watch.look(true, at(4100))
    watch.look(true, at(4200))
    expect(noted).toEqual([{ type: 'LeaseLost', data: { server: s1, generation, releasedMs: 300, groups: [] } }])
  })
})

describe('an agent that follows one whose guardian took down what ran', () => {
  const lost: LostLease = { at: at(1000), offAt: at(1400), groups: [web] }

  test('has been without a lease since that one lost it (N5)', () => {
    watch = started(lost)
    expect(watch.lostMs(at(1500))).toBe(500)
    expect(watch.hasLapsedUnder(generation)).toBe(false)
  })

  test('says for it what was lost, once', () => {
    watch = started(lost)
    watch.look(true, at(5000))
    watch.look(true, at(5100))
    expect(noted).toEqual([{ type: 'LeaseLost', data: { server: s1, generation, releasedMs: 400, groups: [web] } }])
  })

  test('sees for itself when all of it is off, where the guardian was still at it', () => {
    isOff = false
    watch = started({ ...lost, offAt: null })
    watch.look(false, at(1500))
    isOff = true
    watch.look(false, at(1900))
    watch.look(true, at(5000))
    expect(noted.map(({ data }) => data)).toMatchObject([{ releasedMs: 900, groups: [web] }])
  })
})
