/** The event loop's turns, for whoever runs time itself. */

/** Turns that are asked for at once: asking for each alone costs ten times as much. */
const turnsAhead = 256

/**
 * Runs `step` again and again as long as it answers true. Between two steps everything happens that waits for nothing
 * but its turn: promises that are resolved, microtasks, and what follows from them. Rejects with what a step throws.
 */
export const inTurns = (step: () => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    let isOver = false
    const turn = () => {
      if (isOver) return
      try {
        isOver = !step()
        if (isOver) resolve()
      } catch (trouble) {
        isOver = true
        reject(trouble)
      }
    }
    const ahead = () => {
      if (isOver) return
      for (let turns = 0; turns < turnsAhead; turns++) setImmediate(turn)
      setImmediate(ahead)
    }
    ahead()
  })
