import { type ParseArgsConfig, parseArgs } from 'node:util'

/** What a program that runs tests was asked for. `--help` and what is not known print how it is used, and end it. */
export const flagsOf = <T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> => {
  if (process.argv.includes('--help')) {
    console.log(usage)
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (unknown) {
    misused(unknown instanceof Error ? unknown.message : String(unknown), usage)
  }
}

/** A flag that is a whole number, `least` or more. */
export const wholeNumber = (
  usage: string,
  flags: Readonly<Record<string, unknown>>,
  name: string,
  least = 0,
): number => {
  const number = flags[name] === '' ? Number.NaN : Number(flags[name])
  if (Number.isSafeInteger(number) && number >= least) return number
  return misused(`--${name} ${flags[name]}: a whole number, ${least} or more`, usage)
}

/** Ends the program: it was asked for what there is not. */
export const misused: (what: string, usage: string) => never = (what, usage) => {
  console.error(`${what}\n\n${usage}`)
  process.exit(2)
}
