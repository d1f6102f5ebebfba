/** `address:port`, as people write where something listens. */
import { z } from 'zod'

export type ListenAddress = { readonly address: string; readonly port: number }

/** Null for what is no IP address with a port; an IPv6 address stands in brackets. */
export const listenAddressOf = (text: string): ListenAddress | null => {
  const found = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([1-9]\d{0,4})$/i.exec(text)
  if (found === null) return null
  const [, v6, v4, digits] = found
  const isAddress = v6 === undefined ? z.ipv4().safeParse(v4).success : z.ipv6().safeParse(v6).success
  const port = Number(digits)
  return isAddress && port <= 65_535 ? { address: v6 ?? v4 ?? '', port } : null
}
