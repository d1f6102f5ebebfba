/** A cluster's situation, what is decided and done, and the situation after: in the words that people are told. */
import { expect, test } from 'vitest'
import { assignGroups } from '../../src/decisions/assign-groups.ts'
import type { Decision } from '../../src/decisions/decision.ts'
import { failBack } from '../../src/decisions/fail-back.ts'
import { operate } from '../../src/decisions/operate.ts'
import { type Observed, plan } from '../../src/decisions/plan.ts'
import { giveUp, reportOnline, reportStopped } from '../../src/decisions/report-group.ts'
import { takeOver } from '../../src/decisions/take-over.ts'
import type { Event, ServerName } from '../../src/events/index.ts'
import type { State } from '../../src/projections/state.ts'
import { describeEvent } from '../../src/projections/words.ts'
import {
  activationFailed,
  ask,
  assigned,
  cluster,
  joined,
  knows,
  online,
  s1,
  s2,
  s3,
  seen,
  web,
  webOnS1,
} from '../specs/decisions/demo.ts'
import { type Given, stateOf } from '../specs/spec.ts'

/** Tells what happens step by step, and keeps the log. */
class Teller {
  readonly #given: Given[]
  readonly #lines: string[] = []

  constructor(title: string, given: readonly Given[]) {
    this.#given = [...given]
    this.#lines.push(title, '')
    this.situation()
  }

  get state(): State {
    return stateOf(this.#given)
  }

  situation(): this {
    const { servers, groups } = this.state
    this.#lines.push(
      ...Object.values(servers.byName).map(({ name, status }) => `  ${name} is ${status}`),
      ...Object.values(groups).map(({ name, ownership, waiting, wanted }) => {
        const why = waiting ? `, waiting: ${waiting.because}` : ''
        return ownership.status === 'assigned'
          ? `  ${name} is ${ownership.phase} on ${ownership.server}, epoch ${ownership.epoch}`
          : `  ${name} is stopped (${ownership.because}), wanted ${wanted}${why}`
      }),
      '',
    )
    return this
  }

  /** Something happens that no decision is needed for. */
  happens(...events: readonly [Event, ...Event[]]): this {
    return this.#tell('it happens', events)
  }

  decides(who: string, decide: (state: State) => Decision | null): this {
    const decision = decide(this.state)
    if (decision) return this.#tell(`${who} decides`, decision.events)
    this.#lines.push(`${who} decides nothing`, '')
    return this
  }

  does(who: ServerName, observed: Observed): this {
    const { state } = this
    const effects = plan(state, observed, (group) => {
      const owned = state.groups[group]?.ownership
      return owned?.status === 'assigned' && owned.server === who ? 'run' : 'release'
    })
    const words = effects.map((effect) => `  ${effect.do} ${effect.group}/${effect.resource}`)
    this.#lines.push(`${who} does`, ...(words.length > 0 ? words : ['  nothing']), '')
    return this
  }

  #tell(what: string, events: readonly [Event, ...Event[]]): this {
    this.#given.push(events)
    this.#lines.push(`${what} (commit ${this.#given.length})`)
    for (const event of events) {
      this.#lines.push(`  ${describeEvent(event)}`)
      const verdicts = 'verdicts' in event.data ? event.data.verdicts : []
      for (const { server, fit, because } of verdicts) this.#lines.push(`    ${server}: ${fit}, ${because}`)
    }
    this.#lines.push('')
    return this
  }

  async isAsBefore(file: string): Promise<void> {
    await expect(`${this.#lines.join('\n').trimEnd()}\n`).toMatchFileSnapshot(`situations/${file}.txt`)
  }
}

const gone = (...servers: readonly string[]) => ({
  hears: ['s1', 's2', 's3'].filter((one) => !servers.includes(one)),
  supports: Object.fromEntries(servers.map((server) => [server, ['s2', 's3']])),
})
const upOn = (epochIs: number): Observed => [
  seen('address', 'on', { epochIs, readTo: epochIs }),
  seen('httpd', 'on', { epochIs, readTo: epochIs }),
]
const comesUp = (teller: Teller, server: ServerName, epoch: number): Teller =>
  teller
    .does(server, [])
    .does(server, [seen('address', 'on', { epochIs: epoch, readTo: epoch })])
    .decides(server, (state) => reportOnline(state, web, upOn(epoch), 740))
const goesDown = (teller: Teller, server: ServerName, epoch: number): Teller =>
  teller
    .does(server, upOn(epoch))
    .does(server, [seen('address', 'on', { epochIs: epoch }), seen('httpd', 'off', { epochIs: epoch })])

test('the server that runs a group crashes', async () => {
  const teller = new Teller('s1 runs web and crashes', [...cluster(), ...webOnS1])
    .decides('s2', (state) => takeOver(state, knows(s2, gone('s1'))))
    .situation()
  await comesUp(teller, s2, 7).situation().isAsBefore('crash-of-active')
})

test('a server that runs nothing crashes', async () => {
  await new Teller('s3 runs nothing and crashes', [...cluster(), ...webOnS1])
    .decides('s2', (state) => takeOver(state, knows(s2, gone('s3'))))
    .does(s1, upOn(5))
    .situation()
    .isAsBefore('crash-of-standby')
})

test('takeover of two groups that exclude each other', async () => {
  const exclusive = { exclusion: 'absolute', startup: 'auto' }
  await new Teller('s1 runs web, s2 runs db, which exclude each other; s1 crashes', [
    ...cluster({ web: exclusive, db: exclusive }),
    [assigned('web', 's1'), assigned('db', 's2')],
    [online('web', 5), online('db', 5)],
  ])
    .decides('s2', (state) => takeOver(state, knows(s2, gone('s1'))))
    .situation()
    .isAsBefore('takeover-with-exclusion')
})

test('both servers of a group crash; one comes back', async () => {
  const [all, none] = [{ supports: { s1: ['s2', 's3'], s2: ['s1', 's3'] } }, { hears: [] }]
  const teller = new Teller('web may run on s1 and s2; both crash, s2 comes back', [
    ...cluster({ web: { servers: ['s1', 's2'] } }),
    ...webOnS1,
  ])
    .decides('s3', (state) => takeOver(state, { ...knows(s3, all), reachable: new Set(['s3']) }))
    .decides('s3', (state) => takeOver(state, { ...knows(s3, all), reachable: new Set(['s3']) }))
    .decides('s3', (state) => assignGroups(state, knows(s3, none)))
    .decides('s3, asked again,', (state) => assignGroups(state, knows(s3, none)))
    .situation()
    .happens(joined('s2', 's2-boot-2'))
    .decides('s3', (state) => assignGroups(state, knows(s3, { hears: ['s2'] })))
  await teller.situation().isAsBefore('both-crash')
})

test('an operator moves a group', async () => {
  const command = { do: 'move-group', group: web, server: s2 } as const
  const teller = new Teller('web runs on s1 and is to run on s2', [...cluster(), ...webOnS1]).decides(
    'an operator on s1',
    (state) => operate(state, ask(command), knows(s1)),
  )
  goesDown(teller.situation(), s1, 5).decides('s1', (state) => reportStopped(state, web, knows(s1), 330))
  await comesUp(teller, s2, 8).situation().isAsBefore('planned-move')
})

test('a group goes home when its home is back', async () => {
  const teller = new Teller('s1 crashed, web runs on s2; failback is automatic', [
    ...cluster({ web: { failback: 'auto' } }),
    ...webOnS1,
  ])
    .decides('s2', (state) => takeOver(state, knows(s2, gone('s1'))))
    .happens(online('web', 7))
    .decides('s2, while s1 is away,', (state) => failBack(state, knows(s2, gone('s1')), () => 60_000))
    .happens(joined('s1', 's1-boot-2'))
    .decides('s2', (state) => failBack(state, knows(s2), () => 60_000))
  goesDown(teller, s2, 7).decides('s2', (state) => reportStopped(state, web, knows(s2), 330))
  await teller.situation().isAsBefore('failback')
})

test('a resource cannot be activated: failover, then giving up', async () => {
  const failedAt = (epoch: number): Observed => [
    seen('address', 'on', { epochIs: epoch, readTo: epoch }),
    seen('httpd', 'failed', { epochIs: epoch, readTo: epoch }),
  ]
  const teller = new Teller('httpd of web starts nowhere', [...cluster(), assigned('web', 's1')])
    .happens(activationFailed('httpd', 5, 'exit code 1'))
    .does(s1, failedAt(5))
    .decides('s1', (state) => giveUp(state, web, failedAt(5), knows(s1)))
  goesDown(teller, s1, 5).decides('s1', (state) => reportStopped(state, web, knows(s1), 100))
  await teller
    .happens(activationFailed('httpd', 8, 'exit code 1'))
    .decides('s2', (state) => giveUp(state, web, failedAt(8), knows(s2)))
    .does(s2, failedAt(8))
    .situation()
    .isAsBefore('activation-fails')
})
