/**
 * RMCP presence ping and pong (ASF 2.0, over UDP 623): is there a management controller, and does it speak IPMI?
 *
 * | bytes | ping | pong |
 * |---|---|---|
 * | 0–3 | `06 00 ff 06` RMCP 1.0, no acknowledge, class ASF | the same |
 * | 4–7 | `00 00 11 be` ASF's enterprise number | the same |
 * | 8 | `80` presence ping | `40` presence pong |
 * | 9 | tag | tag of the ping |
 * | 10 | `00` | `00` |
 * | 11 | `00` no data | `10` 16 bytes follow |
 * | 20 | | bit 7: IPMI is supported |
 */
const head = [0x06, 0x00, 0xff, 0x06, 0x00, 0x00, 0x11, 0xbe]
const [ping, pong] = [0x80, 0x40]
const pingBytes = 12
const pongBytes = 28
/** 255 asks for no answer. */
export const mostTags = 255

export type Pong = { readonly tag: number; readonly speaksIpmi: boolean }

export const presencePing = (tag: number): Uint8Array => Uint8Array.from([...head, ping, tag, 0, 0])

/** What a controller that speaks IPMI answers; null: that is no ping. */
export const pongTo = (bytes: Uint8Array): Uint8Array | null => {
  if (bytes.length < pingBytes || head.some((byte, index) => bytes[index] !== byte) || bytes[8] !== ping) return null
  const answer = new Uint8Array(pongBytes)
  answer.set([...head, pong, bytes[9] ?? 0, 0, pongBytes - pingBytes])
  answer[20] = 0x80
  return answer
}

/** Null: no pong. */
export const parsePong = (bytes: Uint8Array): Pong | null => {
  if (bytes.length < pongBytes || head.some((byte, index) => bytes[index] !== byte) || bytes[8] !== pong) return null
  return { tag: bytes[9] ?? 0, speaksIpmi: ((bytes[20] ?? 0) & 0x80) !== 0 }
}
