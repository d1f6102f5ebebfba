/** Questions over HTTP and HTTPS: one request, one short answer, a limit to everything. */
import { lookup } from 'node:dns/promises'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { TLSSocket } from 'node:tls'
import { NetworkTrouble } from './network-trouble.ts'
import { http } from './node-http.ts'
import type { HttpClient } from './world.ts'

/** Connections that are kept between questions: few, since few are asked again and again. */
const keeping = { keepAlive: true, maxSockets: 4, maxFreeSockets: 2 }
const keptPlain = new http.Agent(keeping)
const keptSecure = new SecureAgent(keeping)

/** @throws NetworkTrouble when there is no answer in time, or one that is longer than it may be. */
const ask: HttpClient['ask'] = (question) =>
  new Promise((resolve, reject) => {
    const { method, url, body, timeoutMs, largestBytes = 65_536, ca, keepAlive = false } = question
    const fail = (cause: unknown): void => {
      const because = cause instanceof Error ? cause.message : String(cause)
      reject(new NetworkTrouble(`${method} ${url}: ${because}`, { cause }))
    }
    // Connecting, sending and reading all count: a socket's own time-out begins anew with each byte.
    const limit = AbortSignal.timeout(Math.ceil(timeoutMs))
    const isSecure = url.startsWith('https:')
    const send = isSecure ? secureRequest : http.request
    const agent = keepAlive && (isSecure ? keptSecure : keptPlain)
    try {
      const headers = body === undefined ? {} : { 'content-type': 'application/octet-stream' }
      const asked = send(url, {
        method,
        headers,
        signal: limit,
        agent,
        lookup: lookUp,
        ...(ca === undefined ? {} : { ca }),
      })
      asked.on('error', (trouble: NodeJS.ErrnoException) => {
        // The server gave the kept connection up in the same moment: nothing was answered on it, so ask anew.
        if (asked.reusedSocket && trouble.code === 'ECONNRESET')
          ask({ ...question, keepAlive: false }).then(resolve, reject)
        else if (limit.aborted) fail(new Error(`no answer within ${timeoutMs} ms`))
        else if (asked.socket instanceof TLSSocket && asked.socket.authorizationError) fail(new NotBelieved(trouble))
        else fail(trouble)
      })
      asked.on('response', (response) => {
        const parts: Buffer[] = []
        let length = 0
        response.on('data', (part: Buffer) => {
          length += part.length
          if (length > largestBytes) response.destroy(new Error(`more than ${largestBytes} bytes`))
          else parts.push(part)
        })
        response.on('error', fail)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }))
      })
      asked.end(body)
    } catch (cause) {
      fail(cause)
    }
  })

/** Which of the two it is, the reason tells: an unknown authority, or a certificate for another name or time. */
class NotBelieved extends Error {
  override readonly name = 'NotBelieved'

  constructor(cause: Error) {
    const remedy = 'ca has to name the authority that signed it, and it the address that was asked'
    // What Node adds behind it is advice on how to start Node.
    super(`its certificate is not believed (${cause.message.split(';')[0]}): ${remedy}`, { cause })
  }
}

/** Under way, by name. */
const lookups = new Map<string, ReturnType<typeof lookUpAll>>()
let lastLookup: Promise<unknown> = Promise.resolve()

const lookUpAll = (name: string) => lookup(name, { all: true })

/**
 * One name at a time, and each name once: a look-up without a name server holds one of the few threads that writing
 * to disk needs too, and goes on holding it long after who asked has given up.
 */
const lookUp: LookupFunction = (name, options, answer) => {
  const underWay = lookups.get(name) ?? lastLookup.then(() => lookUpAll(name)).finally(() => lookups.delete(name))
  lookups.set(name, underWay)
  lastLookup = underWay.catch(() => undefined)
  underWay.then(
    (all) => {
      const [first] = all
      if (options.all) answer(null, all)
      else if (first) answer(null, first.address, first.family)
      else answer(new Error(`${name} has no address`), '')
    },
    (trouble: unknown) => answer(trouble instanceof Error ? trouble : new Error(String(trouble)), ''),
  )
}

export const realHttp: HttpClient = { ask }
