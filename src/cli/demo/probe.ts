/** The demo's client: asks the service every 10 ms, each time anew, and says when the answer changes, and the gap. */
import { http } from '../../world/node-http.ts'

const [host = '127.0.0.1', port = '8080'] = process.argv.slice(2)
const everyMs = 10
const patienceMs = 250

let last: { readonly answer: string; readonly at: number } | null = null

const heard = (answer: string) => {
  const at = performance.now()
  if (last?.answer !== answer)
    process.stdout.write(`${JSON.stringify({ answer, gapMs: last === null ? null : Math.round(at - last.at) })}\n`)
  last = { answer, at }
}

const ask = () => {
  const request = http.get({ host, port: Number(port), agent: false, timeout: patienceMs }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    response.on('end', () => heard(text.trim()))
  })
  request.on('timeout', () => request.destroy())
  // No answer is what the gap consists of.
  request.on('error', () => {})
}
setInterval(ask, everyMs)
// Whoever asked for this holds the other end: when it is gone, however it went, nobody listens any more.
process.stdin.on('end', () => process.exit()).resume()
