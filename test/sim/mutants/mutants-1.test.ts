import { theyAreSeen } from './seen.ts'

theyAreSeen(1)
