/** Power controllers of simulated machines, as fence devices ask them: by ipmitool, or by commands of one's own. */
import type { Configuration } from '../events/index.ts'
import type { Processes, RunOptions, RunResult } from '../world/world.ts'
import type { SimulatedHost } from './host.ts'
import type { SimulatedProcess } from './process.ts'

export type Controller = {
  /** It answers nobody. */
  isDead: boolean
  /** How long it takes to obey and to answer, in ms. */
  takesMs: readonly [least: number, most: number]
  /** It says that it obeys, and does not. */
  isDisobedient: boolean
}

const good = (): Controller => ({ isDead: false, takesMs: [5, 200], isDisobedient: false })

type Order = {
  readonly server: string
  readonly action: 'off' | 'on' | 'status' | 'reset'
  /** By exit code, or in words. */
  readonly says: 'code' | 'words'
}

const code = (result: Partial<RunResult>): RunResult => ({
  code: 0,
  signal: null,
  stdout: '',
  stderr: '',
  timedOut: false,
  elapsedMs: 1,
  ...result,
})

export type PowerParts = {
  readonly host: (name: string) => SimulatedHost
  readonly boot: (name: string) => void
}

export class PowerControllers {
  readonly #controllers = new Map<string, Controller>()
  /** The server of a BMC, by its address. */
  readonly #byAddress = new Map<string, string>()
  readonly #parts: PowerParts

  constructor({ servers, fencing }: Configuration, parts: PowerParts) {
    this.#parts = parts
    for (const { name } of servers) this.#controllers.set(name, good())
    for (const [server, levels] of Object.entries(fencing.levels))
      for (const device of levels.flat()) {
        const configured = fencing.devices[device]
        if (configured?.type === 'ipmi') this.#byAddress.set(configured.address, server)
      }
  }

  controller(server: string): Controller {
    const found = this.#controllers.get(server)
    if (found === undefined) throw new RangeError(`${server} has no power controller`)
    return found
  }
  mend(): void {
    for (const controller of this.#controllers.values()) Object.assign(controller, good())
  }

  /** What a command answers that asks a controller; null when it is another command. */
  run(process: SimulatedProcess, ...[argv, options]: Parameters<Processes['run']>): Promise<RunResult> | null {
    const order = this.#orderOf(argv, options)
    if (order === null) return null
    const { host } = process
    const began = host.monotonic()
    const controller = this.controller(order.server)
    const takes = host.chance.between(...controller.takesMs)
    const late = () => code({ code: null, timedOut: true, elapsedMs: host.monotonic() - began })
    if (controller.isDead || takes > options.timeoutMs) {
      // Nobody hears the answer; the order may be obeyed all the same.
      if (!controller.isDead) host.scheduler.after(takes, () => this.#obey(order, controller))
      return new Promise((resolve) => process.after(options.timeoutMs, () => resolve(late())))
    }
    return new Promise((resolve) => {
      host.scheduler.after(takes, () => {
        const result = this.#obey(order, controller)
        process.enter(() => resolve(result))
      })
    })
  }

  #orderOf(argv: readonly string[], { environment }: RunOptions): Order | null {
    const server = environment?.BATON_FENCE_SERVER
    const action = environment?.BATON_FENCE_ACTION
    if (server !== undefined && (action === 'off' || action === 'on' || action === 'status'))
      return { server, action, says: 'code' }
    if (argv[0] !== 'ipmitool') return null
    const asked = this.#byAddress.get(argv[argv.indexOf('-H') + 1] ?? '')
    const last = argv.at(-1)
    const isKnown = last === 'off' || last === 'on' || last === 'status' || last === 'reset'
    return asked === undefined || !isKnown ? null : { server: asked, action: last, says: 'words' }
  }

  #obey({ server, action, says }: Order, { isDisobedient }: Controller): RunResult {
    const host = this.#parts.host(server)
    if (action === 'status')
      return code({
        code: host.isOn || says === 'words' ? 0 : 2,
        stdout: `Chassis Power is ${host.isOn ? 'on' : 'off'}`,
      })
    if (isDisobedient) return code({})
    if (action !== 'on') host.powerOff()
    if (action !== 'off') this.#parts.boot(server)
    return code({})
  }
}
