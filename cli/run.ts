import { main } from './main.ts'

/* Runs the command from its sources: `node cli/run.ts plan`. What is published starts at bin/catalyst.cjs. */
process.exitCode = await main(process.argv.slice(2))
