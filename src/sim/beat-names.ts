/** What names a beat in all its forms: text on networks, compact on a serial line and on a disk. */
import type { Configuration } from '../events/index.ts'

/** compact-beat.ts: version and hashes stand before the sender. */
const compactMagic = 0xb7
const senderAt = 14
const incarnationAt = 15
const numberAt = 21
const countBytes = 6

const textual = /"from":"([^"]+)","incarnation":(\d+),"number":(\d+)/
/** Sender, incarnation and number stand first. */
const textBegin = 400

/** Null where beats have one form only: reading names costs time. */
export const beatNames = ({
  heartbeat,
  servers,
  witness,
}: Configuration): ((bytes: Uint8Array) => string | null) | null => {
  const hasDevices = servers.some(({ com, diskHeartbeat }) => com !== undefined || diskHeartbeat !== undefined)
  // A web witness passes on copies of the bytes.
  if (!hasDevices && heartbeat.witness === undefined) return null
  const voters = [...servers, ...(witness ? [witness] : [])].map(({ name }) => name).toSorted()
  return (bytes) => {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (all[0] === compactMagic && all.length > numberAt + countBytes) {
      const sender = voters[all[senderAt] ?? 0] ?? ''
      return `${sender} ${all.readUIntBE(incarnationAt, countBytes)} ${all.readUIntBE(numberAt, countBytes)}`
    }
    const found = textual.exec(all.toString('latin1', 0, textBegin))
    return found === null ? null : `${found[1]} ${found[2]} ${found[3]}`
  }
}
