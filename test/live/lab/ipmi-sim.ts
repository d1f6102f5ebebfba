/** A management controller (BMC) that answers RMCP and IPMI over the network: `ipmi_sim` of OpenIPMI, on a host. */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Host } from './host.ts'
import { until, within } from './until.ts'

/** What somebody asked the controller to do with its machine. */
export type ChassisOrder = 'on' | 'off' | 'reset'

export type IpmiSimOptions = {
  /** Where it keeps its files: below the lab's directory, which every host sees. */
  readonly directory: string
  /** One of the host's addresses: a controller has a network of its own, so best not the host of its machine. */
  readonly address: string
  readonly user?: string
  readonly password?: string
  readonly port?: number
  /** Carries an order out. The machine counts as on, or off, only once this has settled. */
  readonly ordered?: (order: ChassisOrder) => Promise<void>
}

export type IpmiSim = {
  readonly address: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** All orders so far, oldest first. */
  readonly orders: readonly ChassisOrder[]
  /** What it says of its machine, for when that goes on or off otherwise. */
  readonly setPower: (isOn: boolean) => Promise<void>
  /** The controller itself dies. */
  readonly stop: () => Promise<void>
}

const startMs = 10_000
const endMs = 5000

/**
 * Starts it, and waits until it answers. Ask it with `ipmitool -I lanplus -C 3 -H ADDRESS -U USER -P PASSWORD …`:
 * it knows nothing newer than cipher suite 3, and without `-C` ipmitool asks for ten seconds which there are.
 */
export const startIpmiSim = async (host: Host, options: IpmiSimOptions): Promise<IpmiSim> => {
  const { directory, address, user = 'admin', password = 'secret', port = 623, ordered } = options
  const place = (name: string) => join(directory, name)
  await mkdir(place('state'), { recursive: true })
  const orders: ChassisOrder[] = []
  let changes = 0
  const setPower = async (isOn: boolean): Promise<void> => {
    changes += 1
    const next = place(`power.${changes}`)
    await writeFile(next, isOn ? '1' : '0')
    await rename(next, place('power'))
  }
  await setPower(true)
  await writeFile(place('orders'), '')
  await writeFile(place('chassis'), chassis(directory))
  await chmod(place('chassis'), 0o755)
  await writeFile(place('lan.conf'), lanConfiguration({ directory, address, user, password, port }))
  await writeFile(place('sim.emu'), controller)
  let carriedOut: Promise<unknown> = Promise.resolve()
  const take = async (order: ChassisOrder): Promise<void> => {
    orders.push(order)
    await ordered?.(order)
    await setPower(order !== 'off')
  }
  const watcher = await host.spawn(['tail', '-n', '+1', '-f', place('orders')], {
    onLine: (line) => {
      const order = orderOf(line)
      if (order !== null) carriedOut = carriedOut.then(() => take(order))
    },
  })
  const command = ['ipmi_sim', '-c', place('lan.conf'), '-f', place('sim.emu'), '-s', place('state'), '-n']
  const simulator = await host.spawn(command, { logFile: place('ipmi_sim.log') })
  await until(() => isAnswering(host, { address, port, user, password }), startMs, `ipmi_sim on ${host.name}`).catch(
    async (error: unknown) => {
      throw new Error(`${String(error)}: ${await readFile(place('ipmi_sim.log'), 'utf8')}`, { cause: error })
    },
  )
  return {
    address,
    port,
    user,
    password,
    orders,
    setPower,
    stop: async () => {
      for (const process of [simulator, watcher]) process.kill('SIGKILL')
      await within(endMs, 'ipmi_sim to end', Promise.all([simulator.exited, watcher.exited]))
      await carriedOut
    },
  }
}

/** Asks with ipmitool, as administrators do. */
const isAnswering = async (
  host: Host,
  { address, port, user, password }: Pick<IpmiSim, 'address' | 'port' | 'user' | 'password'>,
): Promise<boolean> => {
  const who = ['-H', address, '-p', String(port), '-U', user, '-P', password]
  const { code } = await host.run(['ipmitool', '-I', 'lanplus', '-C', '3', '-N', '1', '-R', '1', ...who, 'mc', 'info'])
  return code === 0
}

const orderOf = (line: string): ChassisOrder | null => {
  switch (line) {
    case 'power 0':
      return 'off'
    case 'power 1':
      return 'on'
    case 'reset 1':
      return 'reset'
    default:
      return null
  }
}

const lanConfiguration = ({
  directory,
  address,
  port,
  user,
  password,
}: Pick<IpmiSim, 'address' | 'port' | 'user' | 'password'> & { readonly directory: string }): string => `name "sim"
set_working_mc 0x20
startlan 1
  addr ${address} ${port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "${directory}/chassis 0x20"
user 1 true "" "${password}" user 10 none md2 md5 straight
user 2 true "${user}" "${password}" admin 10 none md2 md5 straight
`

/** One controller at the usual address, with nothing attached. */
const controller = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
`

/** Called by ipmi_sim: `0x20 get power …` is answered from a file, `0x20 set power 0` is written to another. */
const chassis = (directory: string): string => `#!/bin/sh
shift
verb=$1
shift
case $verb in
  get)
    for parameter; do
      case $parameter in
        power) echo "power:$(cat '${directory}/power')" ;;
        *) echo "$parameter:default" ;;
      esac
    done
    ;;
  set) echo "$*" >>'${directory}/orders' ;;
esac
`
