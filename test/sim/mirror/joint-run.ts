/** `node joint-run.ts [FIRST [COUNT]]`: seeds of joint simulations; prints those that fail. */
import { runJoint } from './seed.ts'

const [first = 1, count = 10] = process.argv.slice(2).map(Number)
let failed = 0
for (let seed = first; seed < first + count; seed++) {
  const { failure, history } = await runJoint(seed)
  if (failure === null) continue
  failed += 1
  console.log(`seed ${seed}: ${failure}\n${history.slice(-Number(process.env.LINES ?? 60)).join('\n')}\n`)
}
console.log(`${count} seeds, ${failed} failed`)
