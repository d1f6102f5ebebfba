/** Requests at the web witness, and its answers: from anybody who can reach it, or stands in between. */
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { beatCodec } from '../../../src/agents/heartbeats/beat-codec.ts'
import { witnessDesk, witnessPath } from '../../../src/agents/heartbeats/witness-desk.ts'
import { decodeReply, encodeReply } from '../../../src/agents/heartbeats/witness-reply.ts'
import { voterName } from '../../../src/events/index.ts'
import { Voter } from '../../specs/liveness/voters.ts'
import { VirtualWorld } from '../../specs/virtual-world.ts'
import { damage, isSame, noise, type Target, target } from './target.ts'

const { world } = new VirtualWorld()
const key = new Uint8Array(32).fill(7)
const beat = new Voter('s1').beat(100)
const bytes = beatCodec(world, 'demo', key).encode(beat)
const other = beatCodec(world, 'demo', key).encode(new Voter('s2').beat(100))
const reply = encodeReply(world, { key, question: bytes }, [
  { from: voterName('s2'), ageMs: 12, beat: other },
  { from: voterName('s1'), ageMs: 0, beat: null },
])

/** A new desk for each: what one request leaves behind is its own spec. */
const ask = (body: Uint8Array, { method = 'POST', path = witnessPath } = {}) =>
  witnessDesk(world, { cluster: 'demo', key, suspicious: () => undefined }).answer({
    method,
    path,
    body,
    from: '10.0.0.1',
  })

const isNoAnswer = (body: Uint8Array): void => {
  assert.equal(typeof decodeReply(world, { key, question: bytes }, body), 'string')
}

export const witnessTargets: readonly Target[] = [
  target('web witness: any bytes are no beat', noise, (body) => assert.equal(ask(body).status, 403)),
  target('web witness: a beat damaged on the way is refused', damage, (harm) => {
    const harmed = harm(bytes)
    if (!isSame(harmed, bytes)) assert.equal(ask(harmed).status, 403)
  }),
  target(
    'web witness: any method and path is answered, and no beat of ours given away',
    fc.tuple(fc.string(), fc.string(), noise),
    ([method, path, body]) => {
      const { status, body: answer } = ask(body, { method, path })
      assert.ok(status >= 200 && status < 500)
      assert.ok(answer.length < 300)
    },
  ),
  target('web witness: any bytes are no answer', noise, isNoAnswer),
  target('web witness: an answer damaged on the way is none', damage, (harm) => {
    const harmed = harm(reply)
    if (!isSame(harmed, reply)) isNoAnswer(harmed)
  }),
  target('web witness: an answer to another question is none', noise, (question) => {
    assert.equal(decodeReply(world, { key, question }, reply), 'forged')
  }),
]
