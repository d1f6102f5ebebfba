/** Which faults each sequence tries: dealt from a shuffled deck, so that all of them come before any comes again. */
import { type Chance, chanceOf } from '../../properties/liveness/timeline.ts'

export type Deal = {
  readonly seed: number
  /** How many sequences there are to be. */
  readonly sequences: number
  /** Cards in a hand. */
  readonly most: number
}

/** One hand for each sequence, from the first on; as large as it must be for all of them to come, where `most` lets it. */
export function* hands<T>(cards: readonly T[], { seed, sequences, most }: Deal): Generator<readonly T[], never> {
  const chance = chanceOf(seed)
  const least = Math.min(most, Math.ceil(cards.length / sequences))
  let deck: T[] = []
  for (;;) {
    const hand: T[] = []
    for (let left = least + Math.floor(chance.between(0, most - least + 1)); left > 0; left--) {
      if (deck.length === 0) deck = shuffled(cards, chance)
      hand.push(...deck.splice(-1))
    }
    yield hand
  }
}

const shuffled = <T>(cards: readonly T[], chance: Chance): T[] =>
  cards
    .map((card) => ({ card, at: chance.fraction() }))
    .sort((one, other) => one.at - other.at)
    .map(({ card }) => card)
