/** A stand-in for a machine on which others are virtual: what `virsh` would do to them happens to hosts of the lab. */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Host } from './host.ts'
import { within } from './until.ts'

export type HypervisorOptions = {
  /** Where it keeps its files: below the lab's directory, which every host sees. */
  readonly directory: string
  /** Virtual machines by name. */
  readonly machines: Readonly<Record<string, Host>>
}

export type Hypervisor = {
  /** What takes a command line of virsh to it, as ssh would. */
  readonly through: readonly string[]
  /** All orders so far, oldest first: `destroy db1`, `start db1`. */
  readonly orders: readonly string[]
  /** Nobody reaches it any more. */
  readonly cutOff: () => Promise<void>
  readonly stop: () => Promise<void>
}

const endMs = 5000

/** On a host of its own. A machine is off, or on, as soon as its host is. */
export const startHypervisor = async (host: Host, options: HypervisorOptions): Promise<Hypervisor> => {
  const { directory, machines } = options
  const place = (name: string) => join(directory, name)
  await mkdir(place('state'), { recursive: true })
  let changes = 0
  const setState = async (name: string, state: string): Promise<void> => {
    const next = place(`next.${++changes}`)
    await writeFile(next, `${state}\n`)
    await rename(next, place(join('state', name)))
  }
  for (const [name, { isOn }] of Object.entries(machines)) await setState(name, isOn ? 'running' : 'shut off')
  await writeFile(place('orders'), '')
  await writeFile(place('ssh'), script(directory))
  await chmod(place('ssh'), 0o755)
  const orders: string[] = []
  let carriedOut: Promise<unknown> = Promise.resolve()
  const take = async (verb: string, name: string): Promise<void> => {
    const machine = machines[name]
    if (machine === undefined) return
    if (verb === 'destroy' && machine.isOn) await machine.powerOff()
    if (verb === 'start' && !machine.isOn) await machine.powerOn()
    await setState(name, machine.isOn ? 'running' : 'shut off')
  }
  const watcher = await host.spawn(['tail', '-n', '+1', '-f', place('orders')], {
    onLine: (line) => {
      orders.push(line)
      const [verb = '', name = ''] = line.split(' ')
      carriedOut = carriedOut.then(() => take(verb, name))
    },
  })
  return {
    through: [place('ssh')],
    orders,
    cutOff: () => writeFile(place('cut'), ''),
    stop: async () => {
      watcher.kill('SIGKILL')
      await within(endMs, 'the hypervisor to end', watcher.exited)
      await carriedOut
    },
  }
}

/** Answers as ssh and virsh do, in their words and codes. */
const script = (directory: string): string => `#!/bin/sh
cd '${directory}' || exit 255
if [ -e cut ]; then
  echo 'ssh: connect to host hypervisor port 22: No route to host' >&2
  exit 255
fi
[ "$1 $2" = 'virsh --quiet' ] || exit 127
if ! state=$(cat "state/$4" 2>/dev/null); then
  echo "error: failed to get domain '$4'" >&2
  exit 1
fi
case $3 in
  domstate) echo "$state" ;;
  destroy)
    if [ "$state" = 'shut off' ]; then
      echo 'error: Requested operation is not valid: domain is not running' >&2
      exit 1
    fi
    echo "destroy $4" >>orders
    ;;
  start) echo "start $4" >>orders ;;
esac
`
