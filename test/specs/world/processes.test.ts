import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { realWorld } from '../../../src/world/real.ts'
import { until } from '../../live/lab/until.ts'

const { clock, processes, random } = realWorld()

let directory = ''
let logFile = ''
let tag = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'baton-processes-'))
  logFile = join(directory, 'log')
  tag = `test.${random.id()}`
})
afterEach(async () => {
  await processes.signalAll(tag, 'SIGKILL')
  rmSync(directory, { recursive: true })
})

describe('a command that runs to its end', () => {
  test('answers with its code, what it said, and what it was given to read', async () => {
    const result = await processes.run(['sh', '-c', 'cat; echo "$WORD" >&2; exit 7'], {
      timeoutMs: 5000,
      input: 'heard',
      environment: { WORD: 'said' },
    })
    expect(result).toMatchObject({ code: 7, signal: null, stdout: 'heard', stderr: 'said\n', timedOut: false })
  })

  test('that cannot be started has code 127 and says why', async () => {
    expect(await processes.run(['no-such-program'], { timeoutMs: 5000 })).toMatchObject({ code: 127 })
    const noDirectory = await processes.run(['true'], { timeoutMs: 5000, directory: '/no/such' })
    expect(noDirectory).toMatchObject({ code: 127 })
    const noUser = await processes.run(['true'], { timeoutMs: 5000, user: 'no-such-user' })
    expect(noUser).toMatchObject({ code: 127, stderr: 'there is no user "no-such-user" in /etc/passwd' })
  })

  test('is killed at its time-out, with whatever it started', async () => {
    const started = clock.now()
    const result = await processes.run(['sh', '-c', 'sleep 1000 & echo $!; sleep 1000'], { timeoutMs: 100 })
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true })
    expect(clock.now() - started).toBeLessThan(2000)
    await until(() => !isLiving(Number(result.stdout)), 5000, 'its child to be gone')
  })

  test('is killed when it is aborted', async () => {
    const abort = new AbortController()
    const running = processes.run(['sleep', '1000'], { timeoutMs: 60_000, signal: abort.signal })
    abort.abort()
    expect(await running).toMatchObject({ code: null, timedOut: false })
    const late = await processes.run(['sleep', '1000'], { timeoutMs: 60_000, signal: abort.signal })
    expect(late).toMatchObject({ code: null, timedOut: false })
  })

  test('is not waited for any longer because a daemon holds its output', async () => {
    const result = await processes.run(['sh', '-c', 'sleep 1000 & echo $!'], { timeoutMs: 30_000, tag })
    expect(result.code).toBe(0)
    expect(result.elapsedMs).toBeLessThan(10_000)
    expect((await processes.members(tag)).map(({ pid }) => pid)).toEqual([Number(result.stdout)])
  })

  test('says at most 64 KiB, and is not stopped by saying more', async () => {
    const result = await processes.run(['sh', '-c', 'yes | head -c 300000; echo done >&2'], { timeoutMs: 10_000 })
    expect(result.stdout.length).toBe(65_536)
    expect(result.stderr).toBe('done\n')
  })

  test('may have more environment variables than 256, and limits', async () => {
    const environment = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`BATON_TEST_${i}`, `value ${i}`]))
    const script = 'env | grep -c "^BATON_TEST_"; ulimit -n; nice'
    const result = await processes.run(['sh', '-c', script], {
      timeoutMs: 5000,
      environment,
      limits: { n: 64 },
      nice: 5,
    })
    expect(result.stdout).toBe('600\n64\n5\n')
  })
})

describe('a process that stays', () => {
  test('writes to its log, belongs to its tag, and carries it', async () => {
    const main = await processes.launch(['sh', '-c', 'echo "$BATON_TAG"; exec sleep 1000'], { tag, logFile })
    await until(() => readFileSync(logFile, 'utf8') === `${tag}\n`, 5000, 'the first line')
    expect(await processes.members(tag)).toEqual([main])
    expect(processes.isAlive(main)).toBe(true)
    expect(processes.isAlive({ ...main, startTicks: main.startTicks - 1 })).toBe(false)
  })

  test('that cannot be started is refused with the reason', async () => {
    const attempt = processes.launch(['true'], { tag, logFile, directory: '/no/such' })
    await expect(attempt).rejects.toThrow('cannot start true')
  })

  test('tells its end at once, with its code', async () => {
    const main = await processes.launch(['sh', '-c', 'read -r code </proc/$$/comm; exit 9'], { tag, logFile })
    const code = await new Promise((resolve) => processes.onExit(main, resolve))
    expect(code).toBe(9)
    // Whoever asks too late is told the same.
    expect(await new Promise((resolve) => processes.onExit(main, resolve))).toBe(9)
    expect(processes.isAlive(main)).toBe(false)
    expect(processes.signal(main, 'SIGKILL')).toBe(false)
  })

  test('takes all it started along when all are signalled', async () => {
    // Only what was started before the signal has to get it: nothing more is forked once it says so.
    const script = '(setsid sleep 1000 &); sleep 1000 & echo started; wait'
    const main = await processes.launch(['sh', '-c', script], { tag, logFile })
    await until(() => readFileSync(logFile, 'utf8') === 'started\n', 5000, 'the processes to be started')
    expect(await processes.signalAll(tag, 'SIGSTOP')).toBe(3)
    expect(await processes.signalAll(tag, 'SIGCONT')).toBe(3)
    expect(await processes.signalAll(tag, 'SIGTERM')).toBe(3)
    await until(async () => (await processes.members(tag)).length === 0, 5000, 'all to end')
    expect(processes.isAlive(main)).toBe(false)
  })
})

describe("the end of a process that is somebody else's child", () => {
  /** A grandchild whose parent has ended: nobody here will ever be its parent. */
  const adopted = async () => {
    const { stdout } = await processes.run(['sh', '-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'], {
      timeoutMs: 5000,
      tag,
    })
    const found = (await processes.members(tag)).find(({ pid }) => pid === Number(stdout))
    if (!found) throw new Error('it is not a member')
    return found
  }

  test('is told within milliseconds', async () => {
    const latencies: number[] = []
    for (let i = 0; i < 10; i++) {
      const process = await adopted()
      const ended = new Promise<number | null>((resolve) => processes.onExit(process, resolve))
      const killed = clock.now()
      expect(processes.signal(process, 'SIGKILL')).toBe(true)
      expect(await ended).toBeNull()
      latencies.push(clock.now() - killed)
    }
    // The median, since other tests run beside this one.
    expect(latencies.toSorted((a, b) => a - b)[5]).toBeLessThan(25)
  })

  test('is told when it was gone before anybody asked', async () => {
    const process = await adopted()
    processes.signal(process, 'SIGKILL')
    await until(() => !processes.isAlive(process), 5000, 'its end')
    expect(await new Promise((resolve) => processes.onExit(process, resolve))).toBeNull()
  })

  test('is not told to those who cancelled', async () => {
    const process = await adopted()
    let told = 0
    const cancel = processes.onExit(process, () => {
      told += 1
    })
    cancel()
    cancel()
    processes.signal(process, 'SIGKILL')
    await until(() => !processes.isAlive(process), 5000, 'its end')
    expect(await new Promise((resolve) => processes.onExit(process, resolve))).toBeNull()
    expect(told).toBe(0)
  })

  test('does not hold up the end of the watching program', async () => {
    const module = JSON.stringify(new URL('../../../src/world/real.ts', import.meta.url).href)
    const program = `
      const { realWorld } = await import(${module})
      const { processes } = realWorld()
      const [stat] = (await realWorld().files.read('/proc/' + process.ppid + '/stat')).split(')').slice(-1)
      processes.onExit({ pid: process.ppid, startTicks: Number(stat.split(' ')[20]) }, () => console.log('ended'))
      setTimeout(() => process.exit(5), 20)`
    const result = await processes.run([process.execPath, '--input-type=module', '-e', program], { timeoutMs: 8000 })
    expect(result).toMatchObject({ code: 5, stdout: '', timedOut: false })
  })
})

const isLiving = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
