/** The unit of everything on a cluster partition: 4 KiB that say what they are, and whether they are whole. */
import { crc32 } from 'node:zlib'

/** Suits disks with sectors of 512 bytes and of 4 KiB. */
export const pageBytes = 4096
/** Behind the header; the rest up to the checksum is zero. */
export const contentBytes = 4032
const contentAt = 32
const checksumAt = pageBytes - 4
/** "BMPG" */
const magic = 0x424d5047
const layoutVersion = 1

export type PageKind = 'state' | 'intent' | 'dirty'
const kinds: Readonly<Record<PageKind, number>> = { state: 1, intent: 2, dirty: 3 }

/** Which page it must be: one that was written for another place, or before the last formatting, is none. */
export type PagePlace = { readonly kind: PageKind; readonly index: number; readonly format: bigint }

export const writePage = (
  into: Buffer,
  { kind, index, format }: PagePlace,
  version: bigint,
  content: Uint8Array,
): void => {
  into.fill(0)
  into.writeUInt32BE(magic, 0)
  into.writeUInt8(layoutVersion, 4)
  into.writeUInt8(kinds[kind], 5)
  into.writeBigUInt64BE(format, 8)
  into.writeUInt32BE(index, 16)
  into.writeBigUInt64BE(version, 24)
  into.set(content.subarray(0, contentBytes), contentAt)
  into.writeUInt32BE(crc32(into.subarray(0, checksumAt)), checksumAt)
}

export type ReadPage = { readonly version: bigint; readonly format: bigint; readonly content: Buffer }

/** Null when it is torn, rotten, or some other page; `format` null takes that of any formatting. */
export const readPage = (
  page: Buffer,
  place: Omit<PagePlace, 'format'> & { readonly format: bigint | null },
): ReadPage | null => {
  if (page.readUInt32BE(0) !== magic || page.readUInt8(4) !== layoutVersion) return null
  if (page.readUInt32BE(checksumAt) !== crc32(page.subarray(0, checksumAt))) return null
  if (page.readUInt8(5) !== kinds[place.kind] || page.readUInt32BE(16) !== place.index) return null
  const format = page.readBigUInt64BE(8)
  if (place.format !== null && place.format !== format) return null
  return { version: page.readBigUInt64BE(24), format, content: page.subarray(contentAt, contentAt + contentBytes) }
}
