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
