/** Answers over a unix socket of this machine. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { realLocalSockets } from '../../../src/world/local-sockets.ts'

test('who answers little, and waits for room after it, waits for nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'baton-sockets-'))
  const socketPath = join(folder, 'socket')
  const close = await realLocalSockets.serve(socketPath, async ({ reply }) => {
    reply.begin(200, 'text/plain')
    reply.write('all of it')
    await reply.drained()
    reply.end()
  })
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      request({ socketPath, path: '/' }, (response) => text(response).then(resolve, reject))
        .on('error', reject)
        .end()
    })
    expect(answer).toBe('all of it')
  } finally {
    close()
    await rm(folder, { recursive: true })
  }
})
