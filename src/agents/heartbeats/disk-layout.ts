/**
 * What is on a heartbeat disk. Everything is a piece of 4096 bytes, so that disks with such sectors write it whole, and
 * one server never touches a sector of another. Numbers are unsigned, big-endian.
 *
 * | offset | what |
 * |---|---|
 * | 0 | superblock |
 * | 4096 × (1 + n) | slot of the n-th server, counted by sorted names; there is room for 16 |
 *
 * Superblock, written once by `baton disk-heartbeat init`; the rest of it is zero:
 *
 * | bytes | what |
 * |---|---|
 * | 0–7 | `BATONHBD` |
 * | 8–9 | version of this layout: 1 |
 * | 10–11 | number of slots: 16 |
 * | 12–15 | bytes of a slot: 4096 |
 * | 16–47 | name of the cluster, filled up with zeros |
 * | 48–69 | id of this disk, as text |
 * | 70–73 | CRC-32 of bytes 0–69 |
 *
 * Slot; the rest of it is zero:
 *
 * | bytes | what |
 * |---|---|
 * | 0–3 | `BHBS` |
 * | 4–5 | length of the beat |
 * | 6– | the beat (compact-beat.ts); its authentication shows whether it was written whole |
 */
import { crc32 } from 'node:zlib'
import type { Configuration } from '../../events/index.ts'

export const slotBytes = 4096
export const slotCount = 16
export const leastDiskBytes = slotBytes * (1 + slotCount)
export const slotOffset = (slot: number): number => slotBytes * (1 + slot)

/** The servers that have a slot, in the order of slots. */
export const slotOwners = (servers: readonly { readonly name: string }[]): readonly string[] =>
  servers.map(({ name }) => name).toSorted()

export const slotOwnersOf = (configuration: Configuration): readonly string[] => slotOwners(configuration.servers)

const magic = 'BATONHBD'
const version = 1
const nameAt = 16
const nameBytes = 32
const idAt = 48
const idBytes = 22
const sumAt = 70

export type Superblock = { readonly cluster: string; readonly id: string }

export const formatSuperblock = ({ cluster, id }: Superblock): Uint8Array => {
  const bytes = Buffer.alloc(slotBytes)
  bytes.write(magic, 0, 'latin1')
  bytes.writeUInt16BE(version, 8)
  bytes.writeUInt16BE(slotCount, 10)
  bytes.writeUInt32BE(slotBytes, 12)
  bytes.write(cluster, nameAt, nameBytes, 'latin1')
  bytes.write(id, idAt, idBytes, 'latin1')
  bytes.writeUInt32BE(crc32(bytes.subarray(0, sumAt)), sumAt)
  return new Uint8Array(bytes)
}

/** `none`: this is no heartbeat disk. */
export const readSuperblock = (bytes: Uint8Array): Superblock | 'none' | 'damaged' | 'of another version' => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (all.length < slotBytes || all.toString('latin1', 0, 8) !== magic) return 'none'
  if (all.readUInt32BE(sumAt) !== crc32(all.subarray(0, sumAt))) return 'damaged'
  if (all.readUInt16BE(8) !== version || all.readUInt16BE(10) !== slotCount || all.readUInt32BE(12) !== slotBytes)
    return 'of another version'
  const text = (at: number, length: number) => all.toString('latin1', at, at + length).replace(/\0+$/, '')
  return { cluster: text(nameAt, nameBytes), id: text(idAt, idBytes) }
}

const slotMagic = 'BHBS'
const slotHead = 6

/** Null when the beat does not fit, which no compact beat does not. */
export const formatSlot = (beat: Uint8Array): Uint8Array | null => {
  if (beat.length > slotBytes - slotHead) return null
  const bytes = Buffer.alloc(slotBytes)
  bytes.write(slotMagic, 0, 'latin1')
  bytes.writeUInt16BE(beat.length, 4)
  bytes.set(beat, slotHead)
  return new Uint8Array(bytes)
}

/** The bytes of the beat, not yet believed. `empty`: nothing was ever written there. */
export const readSlot = (bytes: Uint8Array): Uint8Array | 'empty' | 'damaged' => {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (all.every((byte) => byte === 0)) return 'empty'
  const length = all.length < slotHead ? 0 : all.readUInt16BE(4)
  const isSound = all.toString('latin1', 0, 4) === slotMagic && length > 0 && slotHead + length <= all.length
  return isSound ? Uint8Array.from(all.subarray(slotHead, slotHead + length)) : 'damaged'
}
