import { brokenRulesAreSeen } from './seen.ts'

brokenRulesAreSeen(3)
