import { describe, expect, test } from 'vitest'
import { isAllOff, type Observed, plan, type Standing } from '../../../src/decisions/plan.ts'
import { type Installation, scriptEnvironment } from '../../../src/decisions/script-environment.ts'
import { resourceName, sequence } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { type Given, stateOf } from '../spec.ts'
import {
  assigned,
  bothUp,
  cluster,
  configuredAs,
  failed,
  joined,
  ofResource,
  s1,
  s2,
  seen,
  stopped,
  stopping,
  web,
  webOnS1,
} from './demo.ts'

const words = (state: State, observed: Observed, standing: Standing = 'run'): readonly string[] =>
  plan(state, observed, () => standing).map((effect) =>
    effect.do === 'Deactivate' && effect.urgent
      ? `${effect.do} ${effect.resource} at once`
      : `${effect.do} ${effect.resource}`,
  )
const planned = (given: readonly Given[], observed: Observed, standing?: Standing) =>
  words(stateOf([...cluster(), ...given]), observed, standing)
const starting = [assigned('web', 's1')]

describe('coming up', () => {
  test('what nothing else is needed for comes first', () => {
    expect(planned(starting, [])).toEqual(['Activate address'])
  })
  test('the next depth comes once the one below is up', () => {
    expect(planned(starting, [seen('address', 'activating')])).toEqual([])
    expect(planned(starting, [seen('address', 'on')])).toEqual(['Activate httpd'])
  })
  test('nothing is left to do when all is up', () => {
    expect(planned(webOnS1, bothUp)).toEqual([])
  })
  test('the same situation gives the same plan, whatever came before', () => {
    const state = stateOf([...cluster(), ...starting])
    expect(words(state, [])).toEqual(words(state, []))
  })
  test('a resource that failed is left to the decision about it, and nothing is started on it', () => {
    expect(planned(starting, [seen('address', 'failed')])).toEqual([])
    expect(planned([...starting, failed('web', 5)], [seen('address', 'on')])).toEqual([])
  })
  test('a resource that an operator stopped stays off', () => {
    const off = ofResource('ResourceStopOrdered', 'httpd', 5)
    expect(planned([...webOnS1, off], bothUp)).toEqual(['Deactivate httpd'])
    expect(planned([...webOnS1, off], [seen('address', 'on'), seen('httpd', 'off')])).toEqual([])
  })
})

describe('going down', () => {
  test('for a hand-over is done in good order, and nothing is started', () => {
    expect(planned(webOnS1, bothUp, 'stop')).toEqual(['Deactivate httpd'])
    expect(planned(webOnS1, [seen('address', 'on'), seen('httpd', 'off')], 'stop')).toEqual(['Deactivate address'])
    expect(planned(starting, [], 'stop')).toEqual([])
  })
  const down = [...webOnS1, stopping('web', 5, 'GROUPMOVE', 's2')]

  test('in reverse order: first what needs, then what is needed', () => {
    expect(planned(down, bothUp)).toEqual(['Deactivate httpd'])
    expect(planned(down, [seen('address', 'on'), seen('httpd', 'deactivating')])).toEqual([])
    expect(planned(down, [seen('address', 'on'), seen('httpd', 'off')])).toEqual(['Deactivate address'])
    expect(planned(down, [seen('address', 'off'), seen('httpd', 'off')])).toEqual([])
  })
  test('what is coming up is cancelled', () => {
    expect(planned(down, [seen('address', 'activating')])).toEqual(['Cancel address'])
  })
  test('what failed is cleaned up', () => {
    expect(planned(down, [seen('address', 'failed')])).toEqual(['Deactivate address'])
  })
  test('what is stuck is not tried for ever, keeps what it needs, and is not off', () => {
    const observed = [seen('address', 'on'), { ...seen('httpd', 'stuck'), since: sequence(99) }]
    expect(planned(down, observed)).toEqual([])
    expect(isAllOff(web, observed)).toBe(false)
  })
  test('what is stuck is tried again when it is ordered again', () => {
    expect(planned(down, [seen('address', 'on'), seen('httpd', 'stuck')])).toEqual(['Deactivate httpd'])
  })
})

describe('release: the lease is over, or the group belongs to somebody else', () => {
  test('at once, in reverse order', () => {
    expect(planned(webOnS1, bothUp, 'release')).toEqual(['Deactivate httpd at once'])
    expect(planned(webOnS1, [seen('address', 'on')], 'release')).toEqual(['Deactivate address at once'])
  })
  test('a patient stop that is under way turns urgent', () => {
    expect(planned(webOnS1, [seen('httpd', 'deactivating')], 'release')).toEqual(['Deactivate httpd at once'])
  })
  test('what is stuck keeps nothing here: the address below it goes', () => {
    const observed = [seen('address', 'on'), { ...seen('httpd', 'stuck'), since: sequence(99) }]
    expect(planned(webOnS1, observed, 'release')).toEqual(['Deactivate address at once'])
  })
  test('a group that nobody owns, or that is not configured, is taken down', () => {
    expect(planned([], bothUp)).toEqual(['Deactivate httpd at once'])
    const removed = [...webOnS1, stopping('web', 5, 'GROUPSTOP'), stopped('web', 5)]
    expect(planned(removed, bothUp)).toEqual(['Deactivate httpd at once'])
  })
  test('what runs under another epoch is taken down before anything is started', () => {
    const again = [...webOnS1, stopping('web', 5, 'GROUPMOVE'), [stopped('web', 5), assigned('web', 's1')] as const]
    expect(planned(again, [seen('address', 'on', { epochIs: 5 })])).toEqual(['Deactivate address at once'])
    expect(planned(again, [seen('address', 'off', { epochIs: 5 })])).toEqual(['Activate address'])
  })
  test('what is stuck under another epoch is tried once more when the group comes back', () => {
    const again = [...webOnS1, stopping('web', 5, 'GROUPMOVE'), [stopped('web', 5), assigned('web', 's1')] as const]
    expect(planned(again, [seen('address', 'stuck')])).toEqual(['Deactivate address at once'])
    expect(planned(again, [seen('address', 'stuck', { readTo: 8 })])).toEqual([])
  })
})

test('hold: an agent that has just started neither stops nor starts anything', () => {
  expect(planned(webOnS1, bothUp, 'hold')).toEqual([])
  expect(planned(webOnS1, [], 'hold')).toEqual([])
})

describe('restarts', () => {
  const ordered = (resource: string): readonly Given[] => [
    ...webOnS1,
    ofResource('ResourceRestartOrdered', resource, 5),
  ]

  test('down, then up, then it is done', () => {
    expect(planned(ordered('httpd'), bothUp)).toEqual(['Deactivate httpd'])
    expect(planned(ordered('httpd'), [seen('address', 'on'), seen('httpd', 'off')])).toEqual(['Activate httpd'])
    expect(planned(ordered('httpd'), [seen('address', 'on'), seen('httpd', 'on', { readTo: 7 })])).toEqual([])
  })
  test('of a resource that others need: those go down first, and come up again after it', () => {
    const restart = ordered('address')
    expect(planned(restart, bothUp)).toEqual(['Deactivate httpd'])
    expect(planned(restart, [seen('address', 'on'), seen('httpd', 'deactivating')])).toEqual([])
    expect(planned(restart, [seen('address', 'on'), seen('httpd', 'off')])).toEqual(['Deactivate address'])
    expect(planned(restart, [seen('address', 'off'), seen('httpd', 'off')])).toEqual(['Activate address'])
    const back = seen('address', 'on', { readTo: 7 })
    expect(planned(restart, [back, seen('httpd', 'off')])).toEqual(['Activate httpd'])
    expect(planned(restart, [back, seen('httpd', 'on', { readTo: 8 })])).toEqual([])
  })
  // The one in the middle waited for the one above, which had no reason to go: for ever.
  test('of a resource below several others: from the top down', () => {
    const resources = {
      address: { type: 'exec', start: 'address' },
      httpd: { type: 'exec', start: 'httpd', after: ['address'] },
      page: { type: 'exec', start: 'page', after: ['httpd'] },
    }
    const restart = [
      ...webOnS1,
      configuredAs({ web: { resources } }),
      ofResource('ResourceRestartOrdered', 'address', 5),
    ]
    const on = [seen('address', 'on'), seen('httpd', 'on')]
    const page: Observed[number] = { ...seen('page', 'on'), after: ['httpd'] }
    expect(planned(restart, [...on, page])).toEqual(['Deactivate page'])
    expect(planned(restart, [...on, { ...page, condition: 'off' }])).toEqual(['Deactivate httpd'])
  })
  test('of a resource that failed', () => {
    expect(planned(ordered('httpd'), [seen('address', 'on'), seen('httpd', 'failed')])).toEqual(['Deactivate httpd'])
  })
  test('of a group that stops are not carried out', () => {
    const both = [...ordered('httpd'), stopping('web', 5, 'GROUPSTOP')]
    expect(planned(both, [seen('httpd', 'off')])).toEqual([])
  })
})

describe('a configuration that changed under a running group', () => {
  const without = configuredAs({ web: { resources: { httpd: { type: 'exec', start: 'httpd' } } } })

  test('what was removed goes down, and what runs goes on', () => {
    expect(planned([...webOnS1, without], bothUp)).toEqual(['Deactivate address'])
    expect(planned([...webOnS1, without], [seen('address', 'off'), seen('httpd', 'on')])).toEqual([])
  })
  test('what was added comes up, and what runs goes on', () => {
    const resources = {
      disk: { type: 'exec', start: 'disk' },
      address: { type: 'exec', start: 'address' },
      httpd: { type: 'exec', start: 'httpd', after: ['address', 'disk'] },
    }
    expect(planned([...webOnS1, configuredAs({ web: { resources } })], bothUp)).toEqual(['Activate disk'])
  })
})

test('after a boot of the machine nothing is up, and all comes up again under the same epoch', () => {
  const state = stateOf([...cluster(), ...webOnS1, joined('s1', 'another-boot')])
  expect(words(state, [])).toEqual(['Activate address'])
})

describe('the environment of scripts', () => {
  const installation: Installation = { version: '1.4.2', path: '/var/lib/baton', osName: 'Debian', osVersion: '13' }
  const environment = (given: readonly Given[], me = s1) =>
    scriptEnvironment(
      stateOf([...cluster(), ...given]),
      { group: web, resource: resourceName('httpd'), me },
      installation,
    )

  test('says which group, resource, server and version', () => {
    expect(environment(starting)).toMatchObject({
      CLP_GROUPNAME: 'web',
      CLP_RESNAME: 'httpd',
      CLP_SERVER: 'HOME',
      CLP_PRIORITY: '1',
      CLP_VERSION_FULL: '1.4.2',
      CLP_VERSION_MAJOR: '1',
      CLP_PATH: '/var/lib/baton',
      CLP_OSNAME: 'Debian',
      CLP_OSVER: '13',
      BATON_EPOCH: '5',
      BATON_CAUSE: '5',
      BATON_SERVER: 's1',
      BATON_HANDOVER: '0',
    })
    expect(environment([assigned('web', 's2')], s2)).toMatchObject({ CLP_SERVER: 'OTHER', CLP_PRIORITY: '2' })
  })
  test('says whether it starts after a failure', () => {
    expect(environment(starting)).toMatchObject({ CLP_EVENT: 'START' })
    expect(environment([assigned('web', 's2', 'failover')], s2)).toMatchObject({ CLP_EVENT: 'FAILOVER' })
    expect(environment([assigned('web', 's2', 'move')], s2)).toMatchObject({ CLP_EVENT: 'START' })
  })
  test.each(['CLUSTERSHUTDOWN', 'SERVERSHUTDOWN', 'GROUPSTOP', 'GROUPMOVE', 'GROUPFAILOVER', 'GROUPRESTART'])(
    'says why it stops: %s',
    (factor) => {
      expect(environment([...webOnS1, stopping('web', 5, factor)])).toMatchObject({
        CLP_FACTOR: factor,
        BATON_CAUSE: '7',
      })
    },
  )
  test('says that only this resource restarts, but not when the group stops meanwhile', () => {
    const restart = [...webOnS1, ofResource('ResourceRestartOrdered', 'httpd', 5)]
    expect(environment(restart)).toMatchObject({ CLP_FACTOR: 'RESOURCERESTART' })
    expect(environment([...restart, stopping('web', 5, 'GROUPMOVE')])).toMatchObject({ CLP_FACTOR: 'GROUPMOVE' })
  })
})
