import { describe } from 'vitest'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { realWorld } from '../../../src/world/real.ts'
import { eventLogContract } from './event-log-contract.ts'

describe('the log in memory', () => {
  const { digest } = realWorld()
  eventLogContract(async () => memoryLog(digest))
})
