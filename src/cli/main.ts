#!/usr/bin/env node
/** The `baton` command. */
import { realDeps } from './real-deps.ts'
import { run } from './run.ts'

process.exitCode = await run(process.argv.slice(2), realDeps())
