/**
 * Frames on a line of bytes (SLIP, RFC 1055): after any garbage the next END begins anew.
 *
 * | byte | means |
 * |---|---|
 * | 0xC0 END | a frame ends here, and another may begin |
 * | 0xDB 0xDC | the byte 0xC0 |
 * | 0xDB 0xDD | the byte 0xDB |
 */
const end = 0xc0
const esc = 0xdb
const escapedEnd = 0xdc
const escapedEscape = 0xdd

/** Begins with an END too: what noise has left in the receiver's frame ends there and not in ours. */
export const slipFrame = (content: Uint8Array): Uint8Array => {
  const bytes = [end]
  for (const byte of content) {
    if (byte === end) bytes.push(esc, escapedEnd)
    else if (byte === esc) bytes.push(esc, escapedEscape)
    else bytes.push(byte)
  }
  bytes.push(end)
  return Uint8Array.from(bytes)
}

export type SlipReader = {
  /** Frames that these bytes complete. Whether they are sound is for their content to tell. */
  readonly read: (bytes: Uint8Array) => readonly Uint8Array[]
}

/** `largest`: a longer frame is none of ours, and is passed over up to its END. */
export const slipReader = (largest: number): SlipReader => {
  let frame: number[] = []
  let isEscaped = false
  let isLost = false
  const finish = (): readonly Uint8Array[] => {
    const whole = frame.length === 0 || isLost || isEscaped ? [] : [Uint8Array.from(frame)]
    frame = []
    isEscaped = false
    isLost = false
    return whole
  }
  const add = (byte: number) => {
    if (frame.length < largest) frame.push(byte)
    else isLost = true
  }
  const take = (byte: number): readonly Uint8Array[] => {
    if (byte === end) return finish()
    if (isEscaped) {
      if (byte === escapedEnd || byte === escapedEscape) add(byte === escapedEnd ? end : esc)
      else isLost = true
      isEscaped = false
    } else if (byte === esc) isEscaped = true
    else add(byte)
    return []
  }
  return { read: (bytes) => [...bytes].flatMap(take) }
}
