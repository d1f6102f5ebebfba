/**
 * The two forms of a configuration, as the parts its schema is made of.
 *
 * *Written*: strict, so that a misspelt key is an error and not a silent default; values in range; durations with a
 * unit. *Stored*: what an earlier check has accepted, perhaps by newer software, so unknown keys are passed over and
 * no range is checked again: tightening a range must not make an old log unreadable. What cannot be carried out by
 * this software (an unknown type or choice) is refused by both.
 *
 * Messages of the written form are noun phrases: the checker says `"x" is not <message>`.
 */
import { z } from 'zod'
import { durationPattern, formatDuration, longestDuration, parseDuration } from './duration.ts'
import { namePattern } from './ids.ts'
import { listenAddressOf } from './listen-address.ts'

type Range = { readonly least?: string; readonly most?: string }

/** Names that every object answers to: a look-up by name would find a function. */
const reserved = new Set(Object.getOwnPropertyNames(Object.prototype))

const writtenDuration = ({
  least = '0s',
  most = formatDuration(longestDuration),
}: Range): z.ZodType<number, unknown> => {
  const message = `a duration with a unit, from ${least} to ${most}, such as 300ms, 3s, 5m or 1h`
  return z
    .string(message)
    .regex(durationPattern, message)
    .transform((text, context) => {
      const ms = parseDuration(text)
      if (ms !== null && ms >= (parseDuration(least) ?? 0) && ms <= (parseDuration(most) ?? 0)) return ms
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
}

const text = (message: string, pattern: RegExp) => z.string(message).regex(pattern, message)
const ipv4OrIpv6 = 'an IPv4 or IPv6 address'
const withPrefix = 'an IPv4 or IPv6 address, with or without /prefix'
const listenMessage = 'address:port, such as 0.0.0.0:29020 or [::]:29020'
const scriptMessage = 'the text of a script, or {file: path of a script of at most 64 KiB}'

/** `checkConfiguration` puts the text in place of the file before this schema sees it. */
const scriptFile = z.strictObject({ file: z.string().min(1) }).transform((_, context) => {
  context.addIssue({ code: 'custom', message: 'the text of a script: files are embedded by the checker' })
  return z.NEVER
})

export const formOf = (written: boolean) => {
  const pick = (strict: z.ZodType<string>): z.ZodType<string> => (written ? strict : z.string())
  const duration = (range: Range = {}): z.ZodType<number, unknown> =>
    written ? writtenDuration(range) : z.number().min(0)
  return {
    object: <S extends z.ZodRawShape>(shape: S): z.ZodObject<S> =>
      (written ? z.strictObject(shape) : z.object(shape)) as z.ZodObject<S>,
    duration,
    /** A duration with its default, written as people would. */
    after: (usual: string, range: Range = {}) =>
      written ? duration(range).prefault(usual) : duration().default(parseDuration(usual) ?? 0),
    integer: (least: number, most: number): z.ZodNumber => (written ? z.int().min(least).max(most) : z.number()),
    number: (least: number, most: number): z.ZodNumber => (written ? z.number().min(least).max(most) : z.number()),
    /** One token of a subject, a file name and a word on a command line alike. */
    name: (written
      ? text('a name (a letter, then at most 30 letters, digits, - or _)', namePattern).refine(
          (name) => !reserved.has(name),
          'a name that can be used: it is reserved',
        )
      : z.string()) as z.ZodType<string, string>,
    address: pick(z.union([z.ipv4(), z.ipv6()], ipv4OrIpv6)),
    addressWithPrefix: pick(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], withPrefix)),
    absolutePath: pick(text('an absolute path, beginning with /', /^\/[^\0]*$/)),
    nic: pick(text('the name of a network interface, such as eth0', /^[^\s/]{1,15}$/)),
    text: pick(z.string().min(1)),
    httpUrl: pick(text('an http:// or https:// URL', /^https?:\/\/[^\s/]+\S*$/)),
    hostAndPort: pick(text('host:port', /^[^\s]+:[1-9]\d{0,4}$/)),
    listenAddress: pick(z.string(listenMessage).refine((text) => listenAddressOf(text) !== null, listenMessage)),
    script: pick(z.union([z.string().min(1), scriptFile], scriptMessage)),
  }
}
export type Form = ReturnType<typeof formOf>
