/** IP addresses as bytes and as text; pure. */
import { isIPv4, isIPv6 } from 'node:net'

/** 4 or 16 bytes; null when the text is no address. A zone (`%eth0`) is no part of an address. */
export const addressBytes = (text: string): Buffer | null => {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!isIPv6(text) || text.includes('%')) return null
  const withoutDots = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((part) => part.toString(16)).join(':'),
  )
  const [head = '', tail] = withoutDots.split('::')
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return Buffer.from(all.flatMap((word) => [word >>> 8, word & 0xff]))
}

/** The shortest form (RFC 5952), so that equal addresses are equal texts. */
export const addressText = (bytes: Uint8Array): string => {
  if (bytes.length === 4) return bytes.join('.')
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  // The longest run of at least two zero words is left out, the first of several.
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && words[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  const hex = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  return start < 0 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`
}

/** Whether both are in one subnet of `prefix` bits; addresses of different families never are. */
export const inSameSubnet = (one: Uint8Array, other: Uint8Array, prefix: number): boolean => {
  if (one.length !== other.length) return false
  return one.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefix - i * 8))
    const mask = (0xff00 >> bits) & 0xff
    return (byte & mask) === ((other[i] ?? 0) & mask)
  })
}

export const macText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
