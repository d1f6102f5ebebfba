/** F4: the agent, guardian, log server or mirror process of a server has died. */
import { describe, test } from 'vitest'
import { answerDeath } from '../../../src/decisions/answer-death.ts'
import type { OwnProcess } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec } from '../spec.ts'
import { cluster, knows, s1, that } from './demo.ts'

const { given } = spec
const configured = (ownProcesses: object = {}) => given(...cluster({ cluster: { ownProcesses } }))
const died =
  (process: OwnProcess = 'guardian', { minutes = 0, boot = 'b', hears = ['s2', 's3'] as readonly string[] } = {}) =>
  (state: State) =>
    answerDeath(
      state,
      { process, because: 'it hung', boot, sinceBootMs: 100_000 + minutes * 60_000 },
      knows(s1, { hears }),
    )
const recorded = (count: number, process: OwnProcess = 'guardian') =>
  that('OwnProcessDied', { server: 's1', process, because: 'it hung', count })

test.each(['agent', 'guardian', 'log-server', 'mirror'] as const)(
  'the death of a %s is recorded, and nothing else',
  (process) => {
    configured().when(died(process)).thenFollows(recorded(1, process))
  },
)

test('a death that the log holds already is not recorded again, and does not count twice', () => {
  const story = configured({ action: 'reboot', deaths: 2 }).after(died())
  story.when(died()).thenNothing()
  story.when(died('guardian', { minutes: 1 })).thenFollows(recorded(2), that('FinalActionOrdered'))
})

describe('an action that is configured', () => {
  test('follows at once, with the reason', () => {
    configured({ action: 'reboot' })
      .when(died())
      .thenFollows(
        recorded(1),
        that('FinalActionOrdered', {
          action: 'reboot',
          boot: 's1-boot-1',
          because: 'its guardian died once (the limit is 1): it hung',
        }),
      )
    configured({ action: 'stop-service' })
      .when(died())
      .thenFollows(recorded(1), that('ServerStopOrdered', { server: 's1' }))
  })

  test('follows only the last of several deaths of one process, and only where they are recent', () => {
    const story = configured({ action: 'stop-service', deaths: 2, within: 600_000 }).after(died())
    story.when(died('log-server')).thenFollows(recorded(1, 'log-server'))
    story.when(died('guardian', { minutes: 11 })).thenFollows(recorded(1))
    story.when(died('guardian', { boot: 'another' })).thenFollows(recorded(1))
    story
      .when(died('guardian', { minutes: 9 }))
      .thenFollows(
        recorded(2),
        that('ServerStopOrdered', { because: 'its guardian died 2 times (the limit is 2): it hung' }),
      )
  })

  test('is not done where no other server is healthy, and that is recorded', () => {
    configured({ action: 'reboot' })
      .when(died('guardian', { hears: [] }))
      .thenFollows(
        recorded(1),
        that('EmergencySuppressed', {
          server: 's1',
          action: 'reboot',
          because:
            'the final action (reboot) is suppressed because there is no other healthy server; it was for: its guardian died once (the limit is 1): it hung',
        }),
      )
  })

  test('is not done while the cluster is suspended, and that is recorded', () => {
    configured({ action: 'reboot' })
      .and(fact('ClusterSuspended', {}))
      .when(died())
      .thenFollows(recorded(1), that('EmergencySuppressed'))
  })

  test('is ordered once', () => {
    configured({ action: 'reboot' }).after(died()).when(died('log-server')).thenFollows(recorded(1, 'log-server'))
  })
})
