import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CommandProgress } from '../../../src/agents/control-protocol.ts'
import { voterName } from '../../../src/events/index.ts'
import { type Ran, runCli } from '../../golden/command-line.ts'
import { settled } from '../../golden/scenarios.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'

let agent: FakeAgent
let answer: readonly CommandProgress[] = []
beforeEach(async () => {
  answer = [
    { step: 'accepted', operation: 'op1', sequence: 10 },
    { step: 'progress', text: 'web stops, because it moves; next is s2' },
    { step: 'done', detail: 'web is online on s2', elapsedMs: 1090 },
  ]
  agent = await startFakeAgent(settled().log, () => answer)
})
afterEach(async () => await agent.stop())

const baton = async (line: string, over = {}): Promise<Ran> =>
  await runCli([...line.split(' '), '--state', agent.state], over)

describe('a command', () => {
  test('reports its progress until the cluster has settled', async () => {
    expect(await baton('group move web --to s2')).toEqual({
      code: 0,
      err: '',
      out: 'accepted at sequence 10 (operation op1)\n  web stops, because it moves; next is s2\ndone: web is online on s2 (1.09 s)\n',
    })
    expect(agent.requests).toEqual([
      { command: { do: 'move-group', group: 'web', server: 's2' }, by: 'operator:ada', waitMs: 600_000 },
    ])
  })

  test('prints each step as JSON on request', async () => {
    const { out } = await baton('group move web --json')
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(answer)
  })

  test('that is refused says why, what would make it possible, and ends with 3', async () => {
    answer = [
      { step: 'refused', because: 'no server can take db: s1: it is down', possible: 'start one of these servers' },
    ]
    expect(await baton('group start db')).toEqual({
      code: 3,
      out: '',
      err: 'baton: refused: no server can take db: s1: it is down\n  start one of these servers\n',
    })
  })

  test('that fails ends with 1, one that takes too long with 5', async () => {
    answer = [{ step: 'failed', detail: 'httpd: exit code 1', elapsedMs: 900 }]
    expect(await baton('group start web')).toMatchObject({
      code: 1,
      err: 'baton: failed after 900 ms: httpd: exit code 1\n',
    })
    answer = [{ step: 'timed-out', detail: 'web is starting on s2', elapsedMs: 5000 }]
    expect(await baton('group start web --wait 5s')).toMatchObject({ code: 5 })
    expect(agent.requests.at(-1)?.waitMs).toBe(5000)
  })

  test('whose agent dies on the way ends with 4', async () => {
    answer = []
    expect(await baton('group start web')).toMatchObject({
      code: 4,
      err: expect.stringMatching(/ended without an answer/),
    })
  })

  test('that is not to be waited for ends well once it is accepted', async () => {
    answer = [{ step: 'accepted', operation: 'op1', sequence: 10 }]
    expect(await baton('group stop web --wait 0s')).toMatchObject({ code: 0 })
  })
})

test.each([
  ['group start web', { do: 'start-group', group: 'web', server: null }],
  ['group start web --on s1', { do: 'start-group', group: 'web', server: 's1' }],
  ['group stop web', { do: 'stop-group', group: 'web' }],
  ['group failover web', { do: 'failover-group', group: 'web', server: null }],
  ['resource start web httpd', { do: 'start-resource', group: 'web', resource: 'httpd' }],
  ['resource stop web httpd', { do: 'stop-resource', group: 'web', resource: 'httpd' }],
  ['monitor suspend httpw', { do: 'suspend-monitor', monitor: 'httpw', server: null }],
  ['monitor resume httpw --on s1', { do: 'resume-monitor', monitor: 'httpw', server: 's1' }],
  ['monitor fail httpw', { do: 'enable-dummy-failure', monitor: 'httpw', server: null }],
  ['monitor unfail httpw', { do: 'disable-dummy-failure', monitor: 'httpw', server: null }],
  ['cluster start', { do: 'start-cluster' }],
  ['cluster suspend', { do: 'suspend-cluster' }],
  ['cluster resume', { do: 'resume-cluster' }],
  ['cluster skip-sync', { do: 'skip-start-sync' }],
  ['cluster stop --yes', { do: 'stop-cluster' }],
  ['server start s1', { do: 'start-server', server: 's1' }],
  ['server stop s1 --yes', { do: 'stop-server', server: 's1' }],
  ['server readmit w --yes', { do: 'readmit-voter', voter: 'w' }],
])('`baton %s` asks for what it says', async (line, command) => {
  expect(await baton(line)).toMatchObject({ code: 0, err: '' })
  expect(agent.requests.at(-1)?.command).toEqual(command)
})

describe('what stops services', () => {
  test.each(['cluster stop', 'server stop s1', 'server readmit s1'])('`baton %s` asks first', async (line) => {
    const questions: string[] = []
    const saying = (yes: boolean) => ({
      confirm: async (question: string) => {
        questions.push(question)
        return yes
      },
    })
    expect(await baton(line, saying(false))).toMatchObject({ code: 1, err: 'baton: nothing was changed\n' })
    expect(agent.requests).toEqual([])
    expect(await baton(line, saying(true))).toMatchObject({ code: 0 })
    expect(questions).toHaveLength(2)
  })

  test('of a server: the question says where each of its groups goes, or that it stays down', async () => {
    let asked = ''
    const confirm = async (question: string) => {
      asked = question
      return false
    }
    await baton('server stop s1', { confirm })
    expect(asked).toBe('Stop s1? web moves to s2.')
    agent.know({ peers: [] })
    await baton('server stop s1', { confirm })
    expect(asked).toBe('Stop s1? web moves to s2.')
    agent.know({ voter: voterName('s1') })
    await baton('server stop s1', { confirm })
    expect(asked).toBe('Stop s1? web finds no other server and STAYS DOWN.')
    await baton('server stop s2', { confirm })
    expect(asked).toBe('Stop s2? It runs no group.')
  })

  test.each([
    ['server stop s9', 3, 'refused: there is no server s9'],
    ['server readmit s9', 3, 'refused: there is no voter s9'],
    ['server confirm-off s9', 3, 'refused: there is no server s9'],
    ['server confirm-off s1', 3, 'refused: s1 is heard'],
    ['mirror init web.nothing --from s1', 3, 'refused: there is no mirror web.nothing'],
    ['mirror force web.nothing s1', 3, 'refused: there is no mirror web.nothing'],
    ['mirror replace-disk web.nothing s1', 3, 'refused: there is no mirror web.nothing'],
    ['server stop s1 --wait soon', 2, '--wait soon is not a duration'],
  ])('`baton %s` would be refused: nobody is asked', async (line, code, because) => {
    const confirm = async (question: string) => expect.unreachable(question)
    const ran = await baton(line, { confirm })
    expect(ran.err).toContain(because)
    expect(ran.code).toBe(code)
    expect(agent.requests).toEqual([])
  })

  test('is not done where nobody can be asked', async () => {
    expect(await baton('cluster stop')).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) })
    expect(agent.requests).toEqual([])
  })
})

describe('bad input ends with 2 and says what is right', () => {
  test.each([
    ['nonsense', /unknown command 'nonsense'/],
    ['group move', /missing required argument 'group'/],
    ['group move web --too s2', /unknown option '--too'/],
    ['group move web --wait soon', /--wait soon is not a duration/],
    ['group move web --wait 2h', /at most 1h/],
    ['alerts -n many', /"many" is not a count/],
    ['alerts --severity bad', /one of: info, warning, error/],
    ['log replay --at yesterday', /neither a sequence nor a time/],
    ['log replay --at 2026-02-31', /neither a sequence nor a time/],
    ['log replay --diff 3', /--diff takes two moments/],
    ['log follow --file incident.log', /unknown option '--file'/],
    ['status --paths --file incident.log', /what is heard is not on the log/],
    ['timeout-ratio -r 4', /-r and -t belong together\n .*-t 1h/],
    ['timeout-ratio -t 1h', /-r and -t belong together/],
    ['config show 0', /"0" is not a version/],
    ['why nobody', /there is no group nobody .*one of: web, db/],
    ['group explain nobody', /there is no group nobody/],
  ])('`baton %s`', async (line, says) => {
    const { code, err } = await baton(line)
    expect(err).toMatch(says)
    expect(code).toBe(2)
  })

  test('a command that is only half named', async () => {
    expect(await runCli(['group'])).toMatchObject({ code: 2, err: expect.stringMatching(/Usage: baton group/) })
  })

  test('a name that cannot be one', async () => {
    expect(await runCli(['group', 'start', 'a b', '--state', agent.state])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no name/),
    })
  })
})

test('without an agent a command ends with 4 and says what to do', async () => {
  const { code, err } = await runCli(['group', 'start', 'web', '--state', '/nonexistent'])
  expect(code).toBe(4)
  expect(err).toMatch(/no agent answers on \/nonexistent\/run\/control.sock/)
  expect(err).toMatch(/start it .*--file/)
})

test('an agent of another kind is told from a status', async () => {
  const other = await startFakeAgent(settled().log)
  other.know({ state: undefined } as never)
  expect(await runCli(['status', '--state', other.state])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/not a status/),
  })
  await other.stop()
})
