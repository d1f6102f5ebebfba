/** IP addresses as numbers, to compare what can be written in several ways. */

export type IpAddress = { readonly bits: 32 | 128; readonly value: bigint }
/** An address and how many of its leading bits name the subnet; null when the text does not say. */
export type IpSubnet = { readonly address: IpAddress; readonly prefix: number | null }

/** `10.0.0.1` or `fd00::1`; null when it is neither. An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is IPv4. */
export const parseIp = (text: string): IpAddress | null => (text.includes(':') ? parseV6(text) : parseV4(text))

/** The same with an optional `/prefix`. */
export const parseIpSubnet = (text: string): IpSubnet | null => {
  const [host = '', prefix, ...more] = text.split('/')
  const address = parseIp(host)
  if (address === null || more.length > 0) return null
  if (prefix === undefined) return { address, prefix: null }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > address.bits) return null
  return { address, prefix: Number(prefix) }
}

/** Equal exactly when the addresses are, however they are written; texts that are none stand for themselves. */
export const ipKey = (text: string): string => {
  const subnet = parseIpSubnet(text)
  return subnet === null ? text : `${subnet.address.bits}:${subnet.address.value}`
}

export const inSameSubnet = (a: IpAddress, b: IpAddress, prefix: number): boolean => {
  if (a.bits !== b.bits) return false
  const hostBits = BigInt(a.bits - prefix)
  return a.value >> hostBits === b.value >> hostBits
}

const parseV4 = (text: string): IpAddress | null => {
  const parts = text.split('.')
  const right = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  return right ? { bits: 32, value: parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) } : null
}

const parseV6 = (text: string): IpAddress | null => {
  const groups = expand(text)
  if (groups === null || !groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value }
}

/** The eight groups of an IPv6 address, `::` filled with zeros. */
const expand = (text: string): readonly string[] | null => {
  const dotted = /^(.*:)([\d.]+\.[\d.]+)$/.exec(text)
  const tail = dotted ? parseV4(dotted[2] ?? '') : null
  if (dotted && tail === null) return null
  const hex = tail ? `${dotted?.[1]}${(tail.value >> 16n).toString(16)}:${(tail.value & 0xffffn).toString(16)}` : text
  const halves = hex.split('::')
  const [head = [], end = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  if (halves.length === 1) return head.length === 8 ? head : null
  const zeros = 8 - head.length - end.length
  return halves.length === 2 && zeros >= 1 ? [...head, ...Array<string>(zeros).fill('0'), ...end] : null
}
