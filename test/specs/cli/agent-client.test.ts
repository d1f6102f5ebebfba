import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentStatus } from '../../../src/cli/agent-client.ts'
import { CommandFailed } from '../../../src/cli/deps.ts'

test('an agent that ends while it answers is told as one that does not answer', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'baton-client-'))
  await mkdir(join(stateDirectory, 'run'))
  const agent = createServer((_, answer) => {
    answer.writeHead(200)
    answer.write('{"state":', () => answer.destroy())
  })
  await once(agent.listen(join(stateDirectory, 'run', 'control.sock')), 'listening')
  try {
    const failure = await agentStatus(stateDirectory).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(CommandFailed)
    expect(String(failure)).toContain('it ended while it answered')
  } finally {
    agent.close()
    await rm(stateDirectory, { recursive: true })
  }
})
