import { constants } from 'node:fs'
import { type FileHandle, open, readFile, realpath } from 'node:fs/promises'
import type { RawDisk, RawDisks } from './world.ts'

/** Offsets and lengths that every disk takes, those with sectors of 4096 bytes (4Kn) included. */
const sectorBytes = 4096
/** Memory a device accepts is aligned to some power of two from here up to a sector. */
const alignmentStep = 8

/** Block devices without the page cache (O_DIRECT): what is read is what the disk holds, whoever wrote it. */
export const realRawDisks: RawDisks = {
  sectorBytes,
  open: async (device, { exclusive = false } = {}) => {
    // On a block device O_EXCL asks the kernel whether somebody has mounted it or made it part of an array.
    const flags = constants.O_RDWR | constants.O_DIRECT | (exclusive ? constants.O_EXCL : 0)
    const file = await open(device, flags)
    try {
      return new DirectDisk(file, await sizeOf(device, file))
    } catch (cause) {
      await file.close()
      throw cause
    }
  },
}

/** `stat` says 0 for a block device; /sys counts in 512 bytes, whatever the sectors of the disk are. */
const sizeOf = async (device: string, file: FileHandle): Promise<number> => {
  const status = await file.stat()
  if (!status.isBlockDevice()) return status.size
  const name = (await realpath(device)).split('/').at(-1) ?? ''
  return Number(await readFile(`/sys/class/block/${name}/size`, 'utf8')) * 512
}

class DirectDisk implements RawDisk {
  readonly sizeBytes: number
  readonly #file: FileHandle
  #memory: Buffer | null = null

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  readonly read = async (offset: number, length: number): Promise<Uint8Array> => {
    const memory = await this.#aligned(length)
    const { bytesRead } = await this.#file.read(memory, 0, length, offset)
    if (bytesRead !== length)
      throw new RawDiskTrouble(`only ${bytesRead} of ${length} bytes at ${offset} could be read`)
    return Uint8Array.from(memory.subarray(0, length))
  }

  readonly write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    const memory = await this.#aligned(bytes.length)
    memory.set(bytes)
    const { bytesWritten } = await this.#file.write(memory, 0, bytes.length, offset)
    if (bytesWritten !== bytes.length)
      throw new RawDiskTrouble(`only ${bytesWritten} of ${bytes.length} bytes at ${offset} could be written`)
  }

  readonly sync = async (): Promise<void> => await this.#file.sync()
  readonly close = async (): Promise<void> => await this.#file.close()

  /** Node cannot say where its memory lies: offsets into a larger piece are tried until the device accepts one. */
  async #aligned(length: number): Promise<Buffer> {
    if (this.#memory !== null && this.#memory.length >= length) return this.#memory
    const size = Math.ceil(length / sectorBytes) * sectorBytes
    const all = Buffer.alloc(size + sectorBytes)
    for (let at = 0; at < sectorBytes; at += alignmentStep) {
      const memory = all.subarray(at, at + size)
      if (await this.#isAccepted(memory)) {
        this.#memory = memory
        return memory
      }
    }
    throw new RawDiskTrouble('the device accepts no memory of this process: is it a block device?')
  }

  async #isAccepted(memory: Buffer): Promise<boolean> {
    try {
      await this.#file.read(memory, 0, sectorBytes, 0)
      return true
    } catch (trouble) {
      if (trouble instanceof Error && 'code' in trouble && trouble.code === 'EINVAL') return false
      throw trouble
    }
  }
}

/** A disk did less than it was asked. */
export class RawDiskTrouble extends Error {
  override readonly name = 'RawDiskTrouble'
}
