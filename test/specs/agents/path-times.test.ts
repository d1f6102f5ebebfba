import { describe, expect, test } from 'vitest'
import { delayWatch } from '../../../src/agents/delay-watch.ts'
import { type PathTimes, pathTimes } from '../../../src/agents/path-times.ts'
import { type Event, pathName } from '../../../src/events/index.ts'
import { at, exchange, lan, s1, Voter } from '../liveness/voters.ts'

const slow = pathName('com')

/** s2's beats as s1 hears them, one every 100 ms from 1000 on; `delays` holds each one up on its way. */
const listen = (times: PathTimes, delays: readonly number[]) => {
  const [one, two] = [new Voter('s1'), new Voter('s2')]
  exchange(one, two, 900)
  const heard = delays.map((delay, index) => ({ now: 1000 + 100 * index + delay, beat: two.beat(1000 + 100 * index) }))
  for (const { now, beat } of heard) times.heard(one.l, beat, lan, at(now))
  return one
}

describe('late beats', () => {
  test('are counted, with the worst of them', () => {
    const times = pathTimes()
    times.expect(300)
    listen(times, [0, 0, 250, 0, 0, 450])
    expect(times.all()).toMatchObject([{ voter: 's2', path: lan, late: 2, worstMs: 550 }])
  })

  test('are not counted while this process stood still', () => {
    const times = pathTimes()
    times.expect(300)
    const [one, two] = [new Voter('s1'), new Voter('s2')]
    times.heard(one.l, two.beat(1000), lan, at(1000))
    times.stoodStill(at(2000))
    times.heard(one.l, two.beat(2000), lan, at(2000))
    expect(times.all()).toMatchObject([{ late: 0 }])
  })

  test('that are later than T are silence, and told as such', () => {
    const times = pathTimes()
    times.expect(300)
    listen(times, [0, 6000])
    expect(times.all()).toMatchObject([{ late: 0 }])
  })
})

test('beats that did not come by a path that carries every one are counted as lost, until the sender begins anew', () => {
  const times = pathTimes()
  const [one, two] = [new Voter('s1'), new Voter('s2')]
  const beats = [1000, 1100, 1200, 1300, 1400].map((now) => two.beat(now))
  for (const path of [lan, slow])
    for (const index of [0, 3, 4]) {
      const beat = beats[index]
      if (beat) times.heard(one.l, beat, path, at(1500 + index))
    }
  two.restart(2000)
  times.heard(one.l, two.beat(2100), lan, at(2100))
  expect(times.all()).toMatchObject([
    { path: lan, beats: 4, lost: 2 },
    { path: slow, beats: 3, lost: null },
  ])
})

test('the answer time is the smallest of the last ones, on each path its own', () => {
  const times = pathTimes()
  const [one, two] = [new Voter('s1'), new Voter('s2')]
  for (const [now, wait] of [
    [1000, 80],
    [1300, 7],
    [1600, 50],
  ] as const) {
    two.hears(one.beat(now), now + 1)
    const answer = two.beat(now + wait - 1)
    times.heard(one.l, answer, lan, at(now + wait))
    times.heard(one.l, answer, slow, at(now + wait + 60))
  }
  expect(times.all().map(({ path, answerMs }) => [path, answerMs])).toEqual([
    [lan, 7],
    [slow, 67],
  ])
})

describe('the round trip', () => {
  /** s1 and s2 beat every 200 ms over two paths with delays of their own; s2 beats 120 ms after s1. */
  const converse = (delays: Readonly<Record<string, readonly [number, number]>>, seconds = 10) => {
    const [one, two] = [new Voter('s1'), new Voter('s2')]
    const [ofOne, ofTwo] = [pathTimes(), pathTimes()]
    const due: { readonly now: number; readonly run: () => void }[] = []
    const send = (from: Voter, to: Voter, now: number) => {
      const arrival = (from === one ? ofOne : ofTwo).nextArrival(at(now)) ?? undefined
      const beat = { ...from.beat(now), arrival }
      for (const [path, [there, back]] of Object.entries(delays)) {
        const arrives = now + (from === one ? there : back)
        const hears = () => {
          ;(to === one ? ofOne : ofTwo).heard(to.l, beat, pathName(path), at(arrives))
          to.hears(beat, arrives)
        }
        due.push({ now: arrives, run: hears })
      }
    }
    for (let now = 1000; now < 1000 + seconds * 1000; now += 200)
      due.push({ now, run: () => send(one, two, now) }, { now: now + 120, run: () => send(two, one, now + 120) })
    for (let next = due.shift(); next; next = due.toSorted((a, b) => a.now - b.now)[0]) {
      const at = due.indexOf(next)
      if (at >= 0) due.splice(at, 1)
      next.run()
    }
    return Object.fromEntries(ofOne.all().map(({ path, roundTripMs }) => [path, roundTripMs]))
  }

  test('is that of each path by itself, there and back, whatever the other is', () => {
    expect(converse({ 'lan:one': [1, 2], com: [70, 65] })).toEqual({ 'lan:one': 3, com: 135 })
  })

  test('is not known as long as the other says nothing of an arrival', () => {
    const times = pathTimes()
    listen(times, [0, 0])
    expect(times.all()).toMatchObject([{ roundTripMs: null }])
  })

  test('is not reckoned from what came by another path, or belongs to another life', () => {
    const [one, two] = [new Voter('s1'), new Voter('s2')]
    const times = pathTimes()
    const { number, incarnation, from } = one.beat(1000)
    const arrival = { of: from, path: slow, incarnation, number, agoMs: 10 }
    times.heard(one.l, { ...two.beat(1100), arrival }, lan, at(1150))
    one.restart(1200)
    one.beat(1200)
    times.heard(one.l, { ...two.beat(1300), arrival }, slow, at(1350))
    expect(times.all()).toMatchObject([{ roundTripMs: null }, { roundTripMs: null }])
  })
})

test('a late path is told once in ten minutes, with how many beats it were', () => {
  const noted: Event[] = []
  const time = {
    voter: new Voter('s2').beat(0).from,
    path: lan,
    heardAt: at(0),
    answerMs: null,
    roundTripMs: null,
    late: 1,
    worstMs: 700,
    beats: 10,
    lost: 0,
  }
  let late = 1
  const watch = delayWatch({ me: s1, times: () => [{ ...time, late }], note: (event) => noted.push(event) })
  for (const now of [1000, 2000, 3000]) {
    watch.look(at(now))
    late += 2
  }
  watch.look(at(700_000))
  expect(noted.map(({ data }) => data)).toMatchObject([
    { peer: 's2', path: lan, count: 1, worstMs: 700 },
    { peer: 's2', count: 6 },
  ])
})
