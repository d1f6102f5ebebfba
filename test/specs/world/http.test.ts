import { connect, createServer } from 'node:net'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createAuthority, createNodeCertificate, type KeyAndCertificate } from '../../../src/cli/create/certificates.ts'
import { realHttp } from '../../../src/world/http-client.ts'
import { realHttpServers } from '../../../src/world/http-server.ts'
import type { HttpAnswer, HttpRequest } from '../../../src/world/world.ts'

const open: { close: () => unknown }[] = []
afterEach(() => {
  for (const server of open.splice(0)) server.close()
})

const serve = async (
  answer: (request: HttpRequest) => HttpAnswer,
  { tls = null, address = '127.0.0.1' }: { readonly tls?: KeyAndCertificate | null; readonly address?: string } = {},
): Promise<number> => {
  const server = await realHttpServers.listen({ address, port: 0, tls, largestBytes: 1000 }, answer)
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

describe('by HTTPS', () => {
  let authority: KeyAndCertificate
  let own: KeyAndCertificate
  beforeAll(async () => {
    authority = await createAuthority('shop')
    // For loopback, too.
    own = await createNodeCertificate(authority, { name: 's1', addresses: [] })
  })
  const askSecurely = (port: number, ca?: string, host = '127.0.0.1') =>
    realHttp.ask({
      ...{ method: 'POST', url: `https://${host}:${port}/`, body: Uint8Array.of(1, 2), timeoutMs: 5000 },
      ...(ca === undefined ? {} : { ca }),
    })

  test('a question is answered whose authority is the right one', async () => {
    const port = await serve(echo, { tls: own })
    expect(await askSecurely(port, authority.certificate)).toEqual({ status: 200, body: Buffer.of(1, 2) })
    expect((await askSecurely(port, `${own.certificate}\n${authority.certificate}`)).status).toBe(200)
  })

  test('nothing is asked of one that no authority vouches for, and it is said why', async () => {
    const port = await serve(
      () => {
        throw new Error('it was asked')
      },
      { tls: own },
    )
    const because = `POST https://127.0.0.1:${port}/: its certificate is not believed (unable to verify the first certificate): ca has to name the authority that signed it, and it the address that was asked`
    await expect(askSecurely(port)).rejects.toThrow(because)
    const other = await createAuthority('shop')
    await expect(askSecurely(port, other.certificate)).rejects.toThrow(because)
    await expect(askSecurely(port, 'no certificate')).rejects.toThrow('its certificate is not believed')
  })

  test('a certificate of another address is not believed', async () => {
    const address = '127.0.0.2'
    const port = await serve(echo, { tls: own, address })
    const because = /its certificate is not believed \(.*IP: 127\.0\.0\.2 is not in the cert's list/
    await expect(askSecurely(port, authority.certificate, address)).rejects.toThrow(because)
  })

  test('a server that speaks none is trouble, and so is the other way round', async () => {
    const plain = await serve(echo)
    await expect(askSecurely(plain, authority.certificate)).rejects.toThrow(`POST https://127.0.0.1:${plain}/: `)
    await expect(ask(await serve(echo, { tls: own }))).rejects.toThrow('POST http://')
  })
})
