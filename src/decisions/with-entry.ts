/**
 * The record with one entry more, or another. Where the entry is there, by assignment: a computed key costs six times as much,
 * and every beat on every path brings some. Not so for a new one, whose name comes from elsewhere and might be `__proto__`.
 */
export const withEntry = <T>(record: Readonly<Record<string, T>>, key: string, value: T): Record<string, T> => {
  if (!Object.hasOwn(record, key)) return { ...record, [key]: value }
  const copy = { ...record }
  copy[key] = value
  return copy
}
