/** Everything that must hold at every step. */
import type { Invariant } from '../scene.ts'
import { calmJoins } from './calm-joins.ts'
import { calmLog } from './calm-log.ts'
import { growingEpochs } from './growing-epochs.ts'
import { harmlessRefusals } from './harmless-refusals.ts'
import { heldBack } from './held-back.ts'
import { keptWord } from './kept-word.ts'
import { keptWrites } from './kept-writes.ts'
import { leased } from './leased.ts'
import { oneLog } from './one-log.ts'
import { oneRunner } from './one-runner.ts'
import { sameState } from './same-state.ts'
import { saneLog } from './sane-log.ts'
import { singleAlerts } from './single-alerts.ts'
import { supportedTakeover } from './supported-takeover.ts'

export const invariants: readonly Invariant[] = [
  oneRunner,
  growingEpochs,
  leased,
  supportedTakeover,
  keptWord,
  heldBack,
  oneLog,
  sameState,
  harmlessRefusals,
  singleAlerts,
  saneLog,
  calmLog,
  calmJoins,
  keptWrites,
]
