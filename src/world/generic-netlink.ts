/** Requests to a family of the kernel's generic netlink (linux/genetlink.h), which modules are configured by. */
import { type Attributes, ask, attribute, attributesOf } from './netlink.ts'

const genericProtocol = 16
const headerBytes = 4
/** The family that knows the others. */
const control = { family: 16, getFamily: 3, name: 2, number: 1 }

export type GenericRequest = {
  readonly family: number
  readonly command: number
  readonly attributes: readonly Buffer[]
}
/** `error`: the number, 0 for none. `said`: what the kernel answered beside it. */
export type GenericAnswer = { readonly error: number; readonly said: Attributes }

/** The kernel does it before this returns. @throws NetworkTrouble */
export const askFamily = ({ family, command, attributes }: GenericRequest): GenericAnswer => {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(command, 0)
  header.writeUInt8(1, 1)
  const { error, bodies } = ask(genericProtocol, family, Buffer.concat([header, ...attributes]))
  return { error, said: attributesOf(bodies[0]?.subarray(headerBytes) ?? Buffer.alloc(0)) }
}

/** Null when there is no such family (now): its module is not loaded, or it is not for this network namespace. */
export const familyOf = (name: string): number | null => {
  const attributes = [attribute(control.name, Buffer.from(`${name}\0`))]
  const { error, said } = askFamily({ family: control.family, command: control.getFamily, attributes })
  return error === 0 ? (said.get(control.number)?.readUInt16LE(0) ?? null) : null
}
