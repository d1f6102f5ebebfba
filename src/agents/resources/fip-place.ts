/** Where a floating address belongs: which NIC holds its subnet, with which prefix. Pure. */
import type { FipConfiguration } from '../../events/index.ts'
import { addressBytes, addressText, inSameSubnet } from '../../world/ip-address.ts'
import type { Nic, NicAddress } from '../../world/world.ts'

export type Place = { readonly address: string; readonly prefix: number; readonly nic: string }
type Machine = { readonly nics: readonly Nic[]; readonly addresses: readonly NicAddress[] }

/** The address in its shortest form, and the prefix length when it is written. */
export const parseFloating = (text: string): { readonly address: string; readonly prefix: number | null } | null => {
  const [host = '', length] = text.split('/')
  const bytes = addressBytes(host)
  if (bytes === null) return null
  const prefix = length === undefined ? null : Number(length)
  if (prefix !== null && (!Number.isInteger(prefix) || prefix > bytes.length * 8)) return null
  return { address: addressText(bytes), prefix }
}

/** The place, or the reason why there is none on this machine. */
export const placeOf = (configuration: FipConfiguration, { nics, addresses }: Machine): Place | string => {
  const wanted = parseFloating(configuration.address)
  const bytes = wanted && addressBytes(wanted.address)
  if (!wanted || !bytes) return `${configuration.address} is no address`
  const hostPrefix = bytes.length * 8
  if (configuration.nic !== undefined && !nics.some(({ name }) => name === configuration.nic)) {
    return `there is no NIC ${configuration.nic}; there are ${nics.map(({ name }) => name).join(', ')}`
  }
  // An address of the machine itself, not a floating one that is there already; host routes hold no subnet.
  const candidates = addresses.filter(
    ({ nic, address, prefix }) =>
      address !== wanted.address && prefix < hostPrefix && (configuration.nic ?? nic) === nic && !isLinkLocal(address),
  )
  const holder = candidates
    .filter(({ address, prefix }) => {
      const held = addressBytes(address)
      return held !== null && inSameSubnet(bytes, held, wanted.prefix ?? prefix)
    })
    .toSorted((a, b) => b.prefix - a.prefix)[0]
  if (holder) return { address: wanted.address, prefix: wanted.prefix ?? holder.prefix, nic: holder.nic }
  // A NIC and a prefix that people wrote need no address of the machine beside them.
  if (configuration.nic !== undefined && wanted.prefix !== null) {
    return { address: wanted.address, prefix: wanted.prefix, nic: configuration.nic }
  }
  const held = candidates.map(({ nic, address, prefix }) => `${nic} ${address}/${prefix}`).join(', ')
  return `no NIC of this server holds the subnet of ${wanted.address}; there are ${held || 'none with an address'}`
}

const isLinkLocal = (address: string): boolean => /^fe[89ab]/.test(address)
