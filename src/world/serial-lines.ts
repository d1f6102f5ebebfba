import type { SerialPort } from 'serialport'
import type { SerialLines } from './world.ts'

/** Serial lines through the `serialport` library, which is loaded only where there is one. */
export const realSerialLines: SerialLines = {
  open: async (device, { baudRate, received, closed }) => {
    const library = await import('serialport')
    // No flow control and no carrier: a cross cable need not have those wires. hupcl stays, for whoever comes after.
    const port = new library.SerialPort({ path: device, baudRate, autoOpen: false })
    let isOpen = true
    const ended = (because: string) => {
      if (!isOpen) return
      isOpen = false
      if (port.isOpen && !port.closing) port.close(() => {})
      closed(because)
    }
    port.on('error', ({ message }) => ended(message))
    port.on('close', (cause: Error | null) => ended(cause?.message ?? 'it was closed'))
    port.on('end', () => ended('it ended'))
    await called((done) => port.open(done))
    // What the system had received before is of no use: nobody knows how old it is.
    await called((done) => port.flush(done)).catch((cause: unknown) => {
      isOpen = false
      close(port)
      throw cause
    })
    port.on('data', (bytes: Uint8Array) => {
      if (isOpen) received(bytes)
    })
    return {
      write: (bytes) => called((done) => port.write(Buffer.from(bytes), done)),
      close: () => {
        isOpen = false
        close(port)
      },
    }
  },
}

/** What was not sent yet is thrown away: the kernel would hold the close up for it. */
const close = (port: SerialPort): void => {
  if (!port.isOpen || port.closing) return
  port.flush(() => {
    if (port.isOpen && !port.closing) port.close(() => {})
  })
}

const called = (begin: (done: (trouble: Error | null | undefined) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    begin((trouble) => (trouble ? reject(trouble) : resolve()))
  })
