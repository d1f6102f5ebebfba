/** For what would be said again and again: a state is worth a line when it is another than the one said before. */
export const onceEach = (
  say: (what: string, fields: Readonly<Record<string, unknown>>) => void,
): ((what: string, fields?: Readonly<Record<string, unknown>>) => void) => {
  let last: string | null = null
  return (what, fields = {}) => {
    if (what === last) return
    last = what
    say(what, fields)
  }
}
