/** Two real data planes on loopback, written to by other people's NBD clients, one of them killed. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { activation, type Plane, uriOf, withPair } from './plane.ts'

const execute = promisify(execFile)
const sizeBytes = 32 * 1_048_576
const limitMs = 30_000
const pair = { sizeBytes, settings: { reconnectMs: 1000 } }

liveTest(
  'a mirror disk is copied, written, survives the loss of its standby, and then of its active side',
  { needs: ['nbdcopy'], timeoutMs: 150_000 },
  () =>
    withPair(pair, async (alpha, beta) => {
      const same = async () => (await readFile(alpha.path('data'))).equals(await readFile(beta.path('data')))
      const copyIn = async (plane: Plane): Promise<Buffer> => {
        const content = randomBytes(sizeBytes)
        await writeFile(alpha.path('source'), content)
        await execute('nbdcopy', ['--flush', alpha.path('source'), uriOf(plane)])
        return content
      }
      expect(await beta.order({ do: 'follow' })).toMatchObject({ say: 'done' })
      expect(await alpha.order({ ...activation, epoch: 1 })).toMatchObject({ say: 'done' })
      await until(() => alpha.condition() === 'paired', limitMs, 'the first copy')

      const first = await copyIn(alpha)
      expect((await readFile(beta.path('data'))).equals(first)).toBe(true)

      beta.kill()
      await copyIn(alpha)
      expect(alpha.condition()).toBe('alone')
      await beta.start()
      await beta.order({ do: 'follow' })
      await until(() => alpha.condition() === 'paired', limitMs, 'the resync')
      expect(await same()).toBe(true)

      const last = await copyIn(alpha)
      alpha.kill()
      const takeover = { ...activation, epoch: 2, wasLast: false, connectMs: 0 }
      const stale = await beta.order({ ...takeover, isCurrent: false })
      expect(stale).toMatchObject({ say: 'refused', because: 'the log calls the other side current' })
      expect(await beta.order(takeover)).toMatchObject({ say: 'done' })
      await until(() => beta.condition() === 'alone', limitMs, 'beta to serve')
      await execute('nbdcopy', [uriOf(beta), beta.path('copy')])
      expect((await readFile(beta.path('copy'))).equals(last)).toBe(true)
    }),
)

const mib = 1_048_576

liveTest(
  'a first copy goes on where it stood when either data plane is killed, and copies only what was left',
  { needs: [], timeoutMs: 150_000 },
  () => {
    const allBytes = 160 * mib
    // So slow that it is under way when it is looked at.
    const settings = { reconnectMs: 1000, resyncBytesPerSecond: 64 * mib }
    return withPair({ sizeBytes: allBytes, settings }, async (alpha, beta) => {
      await writeFile(alpha.path('data'), randomBytes(allBytes))
      expect(await beta.order({ do: 'follow' })).toMatchObject({ say: 'done' })
      expect(await alpha.order({ ...activation, epoch: 1 })).toMatchObject({ say: 'done' })
      const told = (from: number, is: string) =>
        alpha.said.slice(from).find(({ say, state }) => say === 'resync' && state === is)
      const isHalf = async () => {
        const { condition, dirtyBlocks } = await alpha.order({ do: 'status' })
        return Object(condition).pair === 'resyncing' && Number(dirtyBlocks) * 65_536 <= allBytes - 64 * mib
      }
      await until(isHalf, limitMs, 'a part of the first copy to be durable')

      beta.kill()
      await until(() => alpha.condition() === 'alone', limitMs, 'the copy to end')
      const second = alpha.said.length
      const { dirtyBlocks } = await alpha.order({ do: 'status' })
      await beta.start()
      await beta.order({ do: 'follow' })
      const started = await until(() => told(second, 'started'), limitMs, 'the copy to go on')
      expect(started).toMatchObject({ copy: 'differences', totalBytes: Number(dirtyBlocks) * 65_536 })

      const asked = alpha.said.findLast((one) => one.say === 'ask' && 'break' in one)?.break
      alpha.kill()
      const third = alpha.said.length
      await alpha.start()
      expect(await alpha.order({ ...activation, ...Object(asked), do: 'activate', epoch: 2 })).toMatchObject({
        say: 'done',
      })
      await until(() => alpha.condition() === 'paired', limitMs, 'the rest of the copy')
      expect(told(third, 'ended')?.totalBytes).toBeLessThanOrEqual(allBytes - 64 * mib)
      expect((await readFile(alpha.path('data'))).equals(await readFile(beta.path('data')))).toBe(true)
    })
  },
)
