/** The demo's service: a small HTTP server that says where it runs. Arguments: host, port, name of the server. */
import { http } from '../../world/node-http.ts'

const [host = '127.0.0.1', port = '8080', name = '?'] = process.argv.slice(2)
const server = http.createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' })
  response.end(`hello from ${name}, process ${process.pid}\n`)
})
server.listen(Number(port), host)
