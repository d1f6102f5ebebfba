/** What a front end (NBD, the block file) asks of whoever stands behind it: the mirror, or a plain disk. */

/** Why a request was not done, by the name of the error number that the asker gets. */
export type BlockError = 'EPERM' | 'EIO' | 'EINVAL' | 'ENOSPC' | 'EOPNOTSUPP' | 'ESHUTDOWN'

export type BlockOperation =
  | { readonly do: 'read'; readonly at: number; readonly into: Uint8Array }
  | { readonly do: 'write'; readonly at: number; readonly bytes: Uint8Array; readonly fua: boolean }
  | { readonly do: 'flush' }
  | { readonly do: 'trim'; readonly at: number; readonly length: number; readonly fua: boolean }
  | {
      readonly do: 'zero'
      readonly at: number
      readonly length: number
      readonly fua: boolean
      /** The range may be given back to the disk, as long as it reads as zeros. */
      readonly mayUnmap: boolean
    }

/** `settle` is called exactly once, during `submit` or later; null = done. */
export type BlockRequest = BlockOperation & { readonly settle: (error: BlockError | null) => void }

export type ReadRequest = Extract<BlockRequest, { do: 'read' }>
export type WriteRequest = Extract<BlockRequest, { do: 'write' }>

export type Engine = {
  readonly size: number
  /** Offset and length of every request are multiples of this and within `size`: the front end has checked. */
  readonly blockBytes: number
  /**
   * Takes requests that arrived together, in order. The bytes of writes are the caller's again when this returns:
   * whoever needs them longer keeps a copy. A flush covers every write that was settled before it came, whichever
   * connection it came by.
   */
  readonly submit: (burst: readonly BlockRequest[]) => void
}
