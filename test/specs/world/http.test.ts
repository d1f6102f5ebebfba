import { connect, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { realHttp } from '../../../src/world/http-client.ts'
import { realHttpServers } from '../../../src/world/http-server.ts'
import type { HttpAnswer, HttpRequest } from '../../../src/world/world.ts'

const open: { close: () => unknown }[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

const serve = async (answer: (request: HttpRequest) => HttpAnswer): Promise<number> => {
  const server = await realHttpServers.listen({ address: '127.0.0.1', port: 0, tls: null, largestBytes: 1000 }, answer)
  open.push(server)
  return server.port
}
const echo = ({ body, method }: HttpRequest): HttpAnswer => ({ status: 200, body: method === 'HEAD' ? '' : body })
const ask = (port: number, body = new Uint8Array()) =>
  realHttp.ask({ method: 'POST', url: `http://127.0.0.1:${port}/`, body, timeoutMs: 2000, keepAlive: true })

/** A connection that sends this and waits for its end. */
const endOf = (port: number, text: string) =>
  new Promise<string>((resolve) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (part) => {
      received += part.toString()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
  })

test('a question is answered', async () => {
  const port = await serve(echo)
  expect((await ask(port, Uint8Array.of(1, 2, 3))).body).toEqual(Buffer.of(1, 2, 3))
  expect((await ask(port, Uint8Array.of(4))).body).toEqual(Buffer.of(4))
  const head = await realHttp.ask({ method: 'HEAD', url: `http://127.0.0.1:${port}/`, timeoutMs: 2000 })
  expect(head.status).toBe(200)
})

test('a body that is too long is refused', async () => {
  const port = await serve(echo)
  expect((await ask(port, new Uint8Array(1001)).catch(() => ({ status: 413 }))).status).toBe(413)
  expect((await ask(port, new Uint8Array(1000))).status).toBe(200)
})

test('an answer that is too long is trouble', async () => {
  const port = await serve(() => ({ status: 200, body: new Uint8Array(100_000) }))
  await expect(ask(port)).rejects.toThrow('more than 65536 bytes')
})

test('nobody there is trouble, and so is an answer that does not come', async () => {
  await expect(ask(1)).rejects.toThrow('ECONNREFUSED')
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  open.push(silent)
  const { port } = silent.address() as { port: number } // cast: it listens on a port
  const slow = realHttp.ask({ method: 'HEAD', url: `http://127.0.0.1:${port}/`, timeoutMs: 50 })
  await expect(slow).rejects.toThrow('no answer within')
})

test('a request that never ends is cut off', { timeout: 15_000 }, async () => {
  const port = await serve(echo)
  const began = performance.now()
  const received = await endOf(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf')
  expect(received).toMatch(/^(HTTP\/1.1 408|$)/)
  expect(performance.now() - began).toBeLessThan(10_000)
})

test('one address may hold a few connections, not all of them', async () => {
  const port = await serve(echo)
  const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  const ended = await Promise.all(
    sockets.map(
      (socket, index) =>
        new Promise<boolean>((resolve) => {
          socket.on('close', () => resolve(true))
          if (index === 19) socket.on('close', () => sockets.slice(0, 8).forEach((other) => void other.destroy()))
        }),
    ),
  )
  expect(ended).toHaveLength(20)
})
