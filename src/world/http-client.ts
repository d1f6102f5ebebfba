/** Questions over HTTP and HTTPS: one request, one short answer, a limit to everything. */
import { lookup } from 'node:dns/promises'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { NetworkTrouble } from './network-trouble.ts'
import type { HttpClient, HttpQuestion } from './world.ts'

/** @throws NetworkTrouble when there is no answer in time, or one that is longer than it may be. */
const ask = ({ method, url, body, timeoutMs, largestBytes = 65_536, ca }: HttpQuestion) =>
  new Promise<{ readonly status: number; readonly body: Uint8Array }>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      const because = cause instanceof Error ? cause.message : String(cause)
      reject(new NetworkTrouble(`${method} ${url}: ${because}`, { cause }))
    }
    // Connecting, sending and reading all count: a socket's own time-out begins anew with each byte.
    const limit = AbortSignal.timeout(timeoutMs)
    const send = url.startsWith('https:') ? secureRequest : plainRequest
    try {
      const headers = body === undefined ? {} : { 'content-type': 'application/octet-stream' }
      const asked = send(url, {
        method,
        headers,
        signal: limit,
        agent: false,
        lookup: lookUp,
        ...(ca === undefined ? {} : { ca }),
      })
      asked.on('error', (trouble) => fail(limit.aborted ? new Error(`no answer within ${timeoutMs} ms`) : trouble))
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
