/** Plans as `plan` does, and again only when something that it goes by is different: a quiet agent looks several times a second. */
import { type Effect, type Observed, plan, type Standing } from '../decisions/plan.ts'
import { type GroupName, groupName } from '../events/index.ts'
import type { State } from '../projections/state.ts'

export type Planner = (state: State, observed: Observed, standing: (group: GroupName) => Standing) => readonly Effect[]

export const planner = (): Planner => {
  let of: { readonly state: State; readonly observed: Observed } | null = null
  let names: readonly GroupName[] = []
  let standings: readonly Standing[] = []
  let effects: readonly Effect[] = []
  return (state, observed, standing) => {
    const isSame = of?.state === state && of.observed === observed
    if (!isSame)
      names = [...new Set([...Object.keys(state.groups).map(groupName), ...observed.map(({ group }) => group)])]
    const now = names.map(standing)
    if (isSame && now.every((one, at) => one === standings[at])) return effects
    of = { state, observed }
    standings = now
    effects = plan(state, observed, standing)
    return effects
  }
}
