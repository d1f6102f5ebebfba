/** Turns what the kernel asks of the block file into requests to the engine, and each outcome into one answer. */
import assert from 'node:assert/strict'
import type { BlockRequest, Engine } from '../engine-interface.ts'
import { inPieces } from '../pieces.ts'
import { SpareBuffers } from '../spare-buffers.ts'
import { type FuseError, maxPayloadBytes, oldestMinor, outHeaderBytes, protocolMajor } from './numbers.ts'
import {
  address,
  attributesReply,
  blankReply,
  failed,
  initReply,
  openReply,
  shortened,
  statisticsReply,
  writtenReply,
} from './reply.ts'
import { decodeRequest, type FuseRequest } from './request.ts'

/** One answer: a whole one, sent at once. The bytes are the caller's again when it returns. */
export type Answer = (reply: Uint8Array) => void
export type ServedDisk = { readonly engine: Engine; readonly readOnly: boolean }
type Range = { readonly at: number; readonly length: number }

export class BlockFile {
  readonly #engine: Engine
  readonly #readOnly: boolean
  readonly #answer: Answer
  readonly #spare = new SpareBuffers()
  #burst: BlockRequest[] = []

  constructor({ engine, readOnly }: ServedDisk, answer: Answer) {
    this.#engine = engine
    this.#readOnly = readOnly
    this.#answer = answer
  }

  /** Requests that came together, whole ones. The bytes are the caller's again when this returns. */
  readonly receive = (requests: readonly Buffer[]): void => {
    for (const bytes of requests) {
      const request = decodeRequest(bytes)
      if (request !== null) this.#begin(request, bytes)
    }
    const burst = this.#burst
    this.#burst = []
    if (burst.length > 0) this.#engine.submit(burst)
  }

  readonly #begin = (request: FuseRequest, bytes: Buffer): void => {
    switch (request.do) {
      case 'read':
        this.#read(request, bytes)
        return
      case 'write':
        this.#write(request, bytes)
        return
      case 'sync':
        this.#burst.push({ do: 'flush', settle: this.#settle(blankReply(bytes, 0)) })
        return
      case 'trim':
      case 'zero':
        this.#change(request.do, request, bytes)
        return
      case 'reserve': {
        // Every block of a disk has its place already.
        const objection = this.#objectionToChange(request)
        this.#answer(objection === null ? blankReply(bytes, 0) : failed(blankReply(bytes, 0), objection))
        return
      }
      case 'forget':
        return
      default:
        this.#answer(this.#immediate(request, bytes))
    }
  }

  /** What needs no disk. */
  readonly #immediate = (
    request: Extract<FuseRequest, { do: 'init' | 'attributes' | 'open' | 'statistics' | 'nothing' | 'refuse' }>,
    bytes: Buffer,
  ): Uint8Array => {
    const { size, blockBytes } = this.#engine
    switch (request.do) {
      case 'init':
        if (request.major !== protocolMajor || request.minor < oldestMinor)
          return failed(blankReply(bytes, 0), 'EPROTO')
        return initReply(bytes, request)
      case 'attributes':
        return attributesReply(bytes, size, blockBytes)
      case 'open':
        return openReply(bytes)
      case 'statistics':
        return statisticsReply(bytes, size)
      case 'nothing':
        return blankReply(bytes, 0)
      default:
        return failed(blankReply(bytes, 0), request.because)
    }
  }

  /** Ends at the end of the disk, as files do. */
  readonly #read = ({ at, length }: Range, bytes: Buffer): void => {
    const { size } = this.#engine
    const inside = Math.max(0, Math.min(length, size - at))
    if (length > maxPayloadBytes) this.#answer(failed(blankReply(bytes, 0), 'EINVAL'))
    else if (inside === 0) this.#answer(blankReply(bytes, 0))
    else {
      const reply = this.#spare.take(outHeaderBytes + length)
      address(reply, bytes)
      const objection = this.#objection({ at, length: inside })
      if (objection !== null) this.#answer(failed(reply, objection))
      else {
        const into = reply.subarray(outHeaderBytes, outHeaderBytes + inside)
        this.#burst.push({ do: 'read', at, into, settle: this.#settle(reply, inside) })
      }
    }
  }

  readonly #write = ({ at, bytes }: { at: number; bytes: Uint8Array }, request: Buffer): void => {
    const reply = writtenReply(request, bytes.length)
    const objection = this.#objectionToChange({ at, length: bytes.length })
    if (objection !== null) this.#answer(failed(reply, objection))
    else this.#burst.push({ do: 'write', at, bytes, fua: false, settle: this.#settle(reply) })
  }

  readonly #change = (what: 'trim' | 'zero', range: Range, bytes: Buffer): void => {
    const reply = blankReply(bytes, 0)
    const objection = this.#objectionToChange(range)
    if (objection !== null) {
      this.#answer(failed(reply, objection))
      return
    }
    const common = { ...range, fua: false, settle: this.#settle(reply) }
    const request = what === 'trim' ? { do: what, ...common } : { do: what, mayUnmap: false, ...common }
    this.#burst.push(inPieces(this.#engine, request))
  }

  readonly #settle = (reply: Buffer, readBytes?: number): BlockRequest['settle'] => {
    let isSettled = false
    return (error) => {
      assert(!isSettled, 'a request is settled once')
      isSettled = true
      if (error !== null) this.#answer(failed(reply, error))
      else this.#answer(readBytes === undefined ? reply : shortened(reply, readBytes))
      // Sent by now, as a whole.
      if (readBytes !== undefined) this.#spare.give(reply)
    }
  }

  readonly #objectionToChange = (range: Range): FuseError | null => (this.#readOnly ? 'EPERM' : this.#objection(range))

  readonly #objection = ({ at, length }: Range): FuseError | null => {
    const { size, blockBytes } = this.#engine
    if (length === 0 || at % blockBytes !== 0 || length % blockBytes !== 0) return 'EINVAL'
    return at + length <= size ? null : 'ENOSPC'
  }
}
