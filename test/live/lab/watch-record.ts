/** Who answered: a host's name, and what tells one life of the service from the next (its process number). */
export type Banner = { readonly host: string; readonly instance: string }

/** One answered attempt; instants in milliseconds of CLOCK_MONOTONIC. */
export type Sample = {
  readonly sentAt: number
  readonly at: number
  readonly address: string
  readonly banner: Banner
}

/** One attempt without an answer. */
export type Miss = Omit<Sample, 'banner'> & { readonly reason: string }

/** Two lives of one service that were both there during `from` to `until`: a double activation, if on two hosts. */
export type Overlap = {
  readonly first: Banner
  readonly second: Banner
  readonly from: number
  readonly until: number
}

/**
 * Every pair of instances that provably lived at the same time. An instance is known to live from its first answer
 * until it was last asked something that it answered; two such spans that meet are an overlap. So a clean move is
 * never one, whatever order late answers come in, and a frozen server that answers again after its successor is.
 */
export const overlapsIn = (samples: readonly Sample[]): Overlap[] => {
  const spans = [...spansIn(samples).values()].sort((a, b) => a.from - b.from)
  return spans.flatMap((first, index) =>
    spans.slice(index + 1).flatMap((second): Overlap[] => {
      const until = Math.min(first.until, second.until)
      return second.from < until ? [{ first: first.banner, second: second.banner, from: second.from, until }] : []
    }),
  )
}

type Span = { readonly banner: Banner; readonly from: number; readonly until: number }

const spansIn = (samples: readonly Sample[]): Map<string, Span> => {
  const spans = new Map<string, Span>()
  for (const { sentAt, at, banner } of samples) {
    const key = `${banner.host} ${banner.instance}`
    const { from, until } = spans.get(key) ?? { from: at, until: sentAt }
    spans.set(key, { banner, from: Math.min(from, at), until: Math.max(until, sentAt) })
  }
  return spans
}

export type BannerTest = (banner: Banner) => boolean

/** Last answer of the old one to first answer of the new one after it, in ms; null when either never answered. */
export const gapIn = (samples: readonly Sample[], isOld: BannerTest, isNew: BannerTest): number | null => {
  const answers = inOrder(samples)
  const start = answers.findIndex(({ banner }) => isOld(banner))
  const arrival = answers.findIndex(({ banner }, index) => start >= 0 && index > start && isNew(banner))
  const first = answers[arrival]
  const last = answers.findLast(({ banner }, index) => index < arrival && isOld(banner))
  return first && last ? first.at - last.at : null
}

/** The longest time without an answer between two answers, in ms. */
export const longestSilenceIn = (samples: readonly Sample[]): number => {
  const answers = inOrder(samples)
  return answers.reduce((longest, { at }, index) => Math.max(longest, at - (answers[index - 1]?.at ?? at)), 0)
}

const inOrder = (samples: readonly Sample[]): Sample[] => samples.toSorted((a, b) => a.at - b.at)
