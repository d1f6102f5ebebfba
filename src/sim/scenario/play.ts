/** Plays a scenario on a simulated cluster, and says what happened and whether it was what was expected. */
import type { Configuration } from '../../events/index.ts'
import { planOf } from '../plan-of.ts'
import { type Moment, Simulation, Violation } from '../simulation.ts'
import type { Stage } from './actions.ts'
import { secondsOf } from './expectations.ts'
import { Outages } from './outages.ts'
import type { Deed, Script, Step } from './read.ts'

export type Line = {
  /** ms since the scenario began; negative: before. */
  readonly at: number
  readonly kind: Moment['kind']
  readonly text: string
}
export type Played = {
  readonly ok: boolean
  /** What was not as expected, or must never be; empty when all went well. */
  readonly failures: readonly string[]
  readonly timeline: readonly Line[]
  readonly trace: string
}

export type Play = {
  readonly script: Script
  readonly configuration: Configuration
  readonly source: string
  readonly seed: number
}

/** A cluster of many servers that starts anew waits for them, and its groups take their time. */
const comesUpMs = 120_000

export const play = async ({ script, configuration, source, seed }: Play): Promise<Played> => {
  const sim = new Simulation({ seed, plan: planOf(configuration, source) })
  const failures: string[] = []
  const fail = (text: string) => failures.push(text)
  let began = 0
  try {
    sim.boot()
    if (script.from === 'running') {
      const limit = comesUpMs + configuration.startSync
      if (!(await sim.until(() => sim.isEverythingOnline(), limit))) fail('the cluster does not come up')
    }
    began = sim.now
    const stage: Stage = { sim, cuts: new Map() }
    const outages = new Outages(sim)
    for (const step of failures.length === 0 ? script.steps : []) {
      await waitFor(step, { sim, began })
      for (const deed of step.deeds) await perform(deed, { stage, outages, fail, line: step.line })
    }
  } catch (trouble) {
    if (!(trouble instanceof Violation)) throw trouble
    fail(`what must never be: ${trouble.message}`)
  }
  const timeline = sim.history.map(({ at, kind, text }): Line => ({ at: at - began, kind, text }))
  return { ok: failures.length === 0, failures, timeline, trace: sim.trace }
}

const waitFor = async (
  { at, after, line }: Step,
  { sim, began }: { readonly sim: Simulation; readonly began: number },
): Promise<void> => {
  const wait = at === null ? after : began + at - sim.now
  if (wait < 0) sim.expected(`line ${line} comes ${secondsOf(-wait)} later than it is to`)
  if (wait > 0) await sim.run(wait)
}

type Performing = {
  readonly stage: Stage
  readonly outages: Outages
  readonly fail: (text: string) => void
  readonly line: number
}

const perform = async (deed: Deed, { stage, outages, fail, line }: Performing): Promise<void> => {
  const { sim } = stage
  switch (deed.kind) {
    case 'do':
      deed.act(stage)
      // What follows from it at once, does.
      await sim.run(0)
      return
    case 'order': {
      const asked = deed.on === null ? able(stage) : [deed.on]
      if (!asked.some((server) => sim.order(server, deed.command)))
        fail(`line ${line}: ${deed.text}: no agent takes the order`)
      return
    }
    case 'expect': {
      const { ok, because } = await deed.check(sim, outages)
      sim.expected(`${ok ? 'yes' : 'NO'}: ${deed.text} (${because})`)
      if (!ok) fail(`line ${line}: expected: ${deed.text}; but ${because}`)
      return
    }
    default:
      deed satisfies never
  }
}

/** Servers on which an operator would give orders, the best first. */
const able = ({ sim, cuts }: Stage): readonly string[] => {
  const isCut = (server: string) => cuts.has(`isolate ${server}`) || sim.cluster.host(server).standsStill
  return sim.servers.toSorted((a, b) => Number(isCut(a)) - Number(isCut(b)))
}
