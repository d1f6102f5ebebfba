/** The names and numbers that everything else is written in: brands, so that an epoch cannot be passed as a count. */
import { z } from 'zod'

declare const brand: unique symbol
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [K in Name]: true } }

/** A server or the witness: whoever sends beats, grants and supports. */
export type VoterName = Brand<string, 'VoterName'>
/** A machine that may run groups. Every server is a voter. */
export type ServerName = VoterName & Brand<string, 'ServerName'>
export type GroupName = Brand<string, 'GroupName'>
export type ResourceName = Brand<string, 'ResourceName'>
export type MonitorName = Brand<string, 'MonitorName'>
/** A heartbeat path: `nats`, or `lan:<network>`. */
export type PathName = Brand<string, 'PathName'>
/** Identifies one request of an operator, and everything that followed from it. */
export type OperationId = Brand<string, 'OperationId'>
/** Identifies one commit whatever becomes of its append: a retry carries the same id. */
export type CommitId = Brand<string, 'CommitId'>

/** Position of a commit on the log, from 1 without holes; 0 = before the first. */
export type Sequence = Brand<number, 'Sequence'>
/** Sequence of the commit that gave a group to a server: names that ownership for ever. */
export type Epoch = Brand<number, 'Epoch'>
/** Sequence of the `ServerJoined` that gave a server its lease generation; 0 = never joined. */
export type Generation = Brand<number, 'Generation'>
/** Counts the starts of one agent; durable, only grows (liveness.md rule 1). */
export type Incarnation = Brand<number, 'Incarnation'>
/** Counts the beats of one incarnation. */
export type BeatNumber = Brand<number, 'BeatNumber'>
/** Monotonic milliseconds of this machine; comparable only on the machine that read it. */
export type Instant = Brand<number, 'Instant'>
/** Wall-clock milliseconds since 1970, for people; nothing is ever decided by it. */
export type WallTime = Brand<number, 'WallTime'>
/** SHA-256 of a commit's bytes, base64url. */
export type Hash = Brand<string, 'Hash'>

export const sequence = (n: number): Sequence => n as Sequence
export const epochOf = (at: Sequence): Epoch => at as number as Epoch
export const generationOf = (at: Sequence): Generation => at as number as Generation
export const noGeneration = 0 as Generation
export const instant = (ms: number): Instant => ms as Instant
export const wallTime = (ms: number): WallTime => ms as WallTime
export const serverName = (name: string): ServerName => name as ServerName
export const voterName = (name: string): VoterName => name as VoterName
export const groupName = (name: string): GroupName => name as GroupName
export const resourceName = (name: string): ResourceName => name as ResourceName
export const monitorName = (name: string): MonitorName => name as MonitorName
export const pathName = (name: string): PathName => name as PathName
export const commitId = (id: string): CommitId => id as CommitId
export const operationId = (id: string): OperationId => id as OperationId
export const incarnation = (n: number): Incarnation => n as Incarnation
export const beatNumber = (n: number): BeatNumber => n as BeatNumber
export const hash = (text: string): Hash => text as Hash

/** What a name may look like: one token of a subject, a file name and a word on a command line alike. */
export const namePattern = /^[A-Za-z][A-Za-z0-9_-]{0,30}$/

const text = <B extends string>() => z.string().min(1).max(64) as unknown as z.ZodType<B>
const count = <B extends number>() => z.number().int().min(0) as unknown as z.ZodType<B>

/** Decoders of the brands, for every trust boundary. */
export const decode = {
  voter: text<VoterName>(),
  server: text<ServerName>(),
  group: text<GroupName>(),
  resource: text<ResourceName>(),
  monitor: text<MonitorName>(),
  path: text<PathName>(),
  operation: text<OperationId>(),
  commit: text<CommitId>(),
  sequence: count<Sequence>(),
  epoch: count<Epoch>(),
  generation: count<Generation>(),
  incarnation: count<Incarnation>(),
  beatNumber: count<BeatNumber>(),
  wallTime: count<WallTime>(),
  hash: text<Hash>(),
}
