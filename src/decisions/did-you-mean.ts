/** Guesses what a misspelt word was meant to be. */

/** The candidate that `word` most likely was meant to be; null when none is near enough. */
export const nearest = (word: string, candidates: readonly string[]): string | null => {
  const limit = Math.ceil(word.length / 3)
  let best: { readonly name: string; readonly distance: number } | null = null
  for (const name of candidates) {
    // A difference in case alone is the commonest slip.
    const distance = name.toLowerCase() === word.toLowerCase() ? 0 : distanceBetween(word, name, limit)
    if (distance <= limit && (best === null || distance < best.distance)) best = { name, distance }
  }
  if (best !== null) return best.name
  // `autmatic` is far from `auto`, yet nothing else begins like it.
  const alike = [...candidates].filter((name) => word.length >= 3 && name.startsWith(word.slice(0, 3)))
  return alike.length === 1 ? (alike[0] ?? null) : null
}

/** A remedy: the guess, or else what there is to choose from. */
export const didYouMean = (word: string, candidates: readonly string[]): string => {
  const all = [...new Set(candidates)]
  const guess = nearest(word, all)
  if (guess !== null) return `did you mean "${guess}"?`
  return all.length === 0 ? '' : `there is ${all.slice(0, 12).join(', ')}${all.length > 12 ? ' …' : ''}`
}

/** Letters to insert, drop, replace or swap with their neighbour; `limit + 1` when it is more than `limit`. */
const distanceBetween = (a: string, b: string, limit: number): number => {
  // A word that differs this much in length is no slip; and what an author typed may be of any length.
  if (Math.abs(a.length - b.length) > limit || a.length > 64) return limit + 1
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? limit + 1
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1))
      if (swapped) row[j] = Math.min(row[j] ?? 0, at(i - 2, j - 2) + 1)
    }
  }
  return at(a.length, b.length)
}
