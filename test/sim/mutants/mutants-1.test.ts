import { brokenRulesAreSeen } from './seen.ts'

brokenRulesAreSeen(1)
