/**
 * At most one server runs a group's resources at any instant: by what truly runs, not by what anybody believes. In a pair of
 * which both servers may be judged connected wrongly, two may; but one of them stops soon after it has heard of the other.
 */
import type { Run } from '../ledger.ts'
import type { Invariant, Scene } from '../scene.ts'

export const oneRunner: Invariant = {
  name: 'one server runs a group',
  watch: (scene) => {
    const { ledger, pair, violate } = scene
    const watchDouble = pair?.isSound === false ? doubles(scene) : null
    return {
      began: (run) => {
        const other = ledger.running().find(({ group, host }) => group === run.group && host !== run.host)
        if (other === undefined) return
        if (watchDouble !== null) watchDouble(run, other)
        else
          violate(
            `${run.host} starts ${run.group}/${run.resource} (epoch ${run.epoch}) while ${other.host} runs ${other.group}/${other.resource} (epoch ${other.epoch})`,
          )
      },
    }
  },
}

type Double = { readonly loser: Run; readonly winner: Run; readonly since: number; isMet: boolean }

/** Of each: once the loser was told of the winner, in answer to a beat of its own, it has so much time left. */
const doubles = ({ oracle, ledger, scheduler, timeouts, violate }: Scene): ((run: Run, other: Run) => void) => {
  const all = new Set<Double>()
  const isRunning = (run: Run) => ledger.running().includes(run)
  const met = (double: Double) => {
    const { loser, winner } = double
    double.isMet = true
    scheduler.after(timeouts.most, () => {
      all.delete(double)
      if (isRunning(loser) && isRunning(winner))
        violate(
          `${loser.host} goes on with ${loser.group} (epoch ${loser.epoch}), though it has heard that ${winner.host} runs it (epoch ${winner.epoch})`,
        )
    })
  }
  oracle.listen({
    arrived: (at) => {
      for (const double of all) {
        const { loser, winner, since, isMet } = double
        if (!isRunning(loser) || !isRunning(winner)) all.delete(double)
        else if (!isMet && loser.host === at && oracle.haveMetSince(at, winner.host, since)) met(double)
      }
    },
  })
  return (run, other) => {
    const [loser, winner] = run.epoch < other.epoch ? [run, other] : [other, run]
    all.add({ loser, winner, since: scheduler.now, isMet: false })
  }
}
