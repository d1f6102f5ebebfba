import { describe, expect, test } from 'vitest'
import { fact } from '../../recorded-log.ts'
import { declaredDown, joined, left, path, stateAfter, verdictIs } from './demo-cluster.ts'

const s1 = (state: ReturnType<typeof stateAfter>) => state.servers.byName.s1

describe('a server', () => {
  test('gets its lease generation from the commit that it joined by', () => {
    expect(s1(stateAfter())).toMatchObject({ status: 'up', generation: 2 })
    expect(s1(stateAfter(joined('s1')))).toMatchObject({ status: 'up', generation: 4 })
  })

  test('that is down or left comes back by joining', () => {
    expect(s1(stateAfter(declaredDown('s1', 2)))?.status).toBe('down')
    expect(s1(stateAfter(left('s1', 2)))?.status).toBe('left')
    expect(s1(stateAfter(declaredDown('s1', 2), joined('s1')))?.status).toBe('up')
  })

  test('is not taken down by a word about a generation that it has no more', () => {
    expect(s1(stateAfter(joined('s1'), left('s1', 2)))?.status).toBe('up')
  })

  test('remembers each lost path once, until it is restored', () => {
    expect(s1(stateAfter(path('PathLost', 'nats'), path('PathLost', 'nats')))?.lostPaths).toEqual({ s2: ['nats'] })
    expect(s1(stateAfter(path('PathLost', 'nats'), path('PathRestored', 'nats')))?.lostPaths).toEqual({ s2: [] })
  })

  test('hears everybody again, as far as is known, when it joins', () => {
    expect(s1(stateAfter(path('PathLost', 'nats'), joined('s1')))?.lostPaths).toEqual({})
  })
})

describe('a cluster', () => {
  test('is starting until all its servers are there', () => {
    expect(stateAfter().cluster.starting).toBe(false)
  })

  test('is starting again when the first server comes back after none was there', () => {
    expect(stateAfter(left('s1', 2), left('s2', 3), joined('s1')).cluster.starting).toBe(true)
    expect(stateAfter(left('s1', 2), left('s2', 3), joined('s1'), joined('s2')).cluster.starting).toBe(false)
  })

  test('need not wait for all when the wait is ended', () => {
    const ended = fact('StartSyncEnded', { because: 'an operator said so', missing: ['s2'] })
    expect(stateAfter(left('s1', 2), left('s2', 3), joined('s1'), ended).cluster.starting).toBe(false)
  })
})

describe('an event of newer software', () => {
  const newer = fact('KettleBoiled', { mirror: 'data' })

  test('makes this reader watch', () => {
    expect(stateAfter().watching).toBe(null)
    expect(stateAfter(newer).watching).toEqual({ type: 'KettleBoiled', sequence: 4 })
  })

  test('does not keep it from following what it knows', () => {
    expect(s1(stateAfter(newer, declaredDown('s1', 2)))?.status).toBe('down')
  })
})

describe('a monitor', () => {
  const ping = (state: ReturnType<typeof stateAfter>) => state.monitors.ping
  const order = (type: string, server: string | null) => fact(type, { monitor: 'ping', server })

  test('keeps its latest verdict of each server', () => {
    expect(ping(stateAfter(verdictIs('normal'), verdictIs('error', 'no answer')))?.servers.s1).toMatchObject({
      verdict: 'error',
      because: 'no answer',
    })
  })

  test('is suspended where it was said, and resumed everywhere at once', () => {
    expect(ping(stateAfter(order('MonitorSuspended', 's1')))?.suspendedOn).toEqual(['s1'])
    expect(ping(stateAfter(order('MonitorSuspended', 's1'), order('MonitorResumed', null)))?.suspendedOn).toEqual([])
  })
})
