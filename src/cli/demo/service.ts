/** The demo's service: a small HTTP server that says where it runs. Arguments: host, port, name of the server. */
import { createServer } from 'node:http'

const [host = '127.0.0.1', port = '8080', name = '?'] = process.argv.slice(2)
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' })
  response.end(`hello from ${name}, process ${process.pid}\n`)
})
server.listen(Number(port), host)
