/** How event types are written down: one zod schema a type, from which the TypeScript union follows. */
import type { z } from 'zod'

export type Fact<Type extends string, Data> = { readonly type: Type; readonly data: Readonly<Data> }

/** A stream's event types by name. */
export type Schemas = Readonly<Record<string, z.ZodType>>

/** The union of the facts that a set of schemas describes. */
export type FactOf<S extends Schemas> = {
  [Type in keyof S & string]: Fact<Type, z.infer<S[Type]>>
}[keyof S & string]
