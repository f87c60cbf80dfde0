#!/usr/bin/env node
'use strict'
// Plain JavaScript for any Node: it only asks whether this one is new enough, then hands over to the bundle. No option
// stands in the first line, because an old Node would refuse to start for it.
const OLDEST = 26
const major = Number(process.versions.node.split('.')[0])

if (major < OLDEST) {
  const message = `catalyst needs Node ${OLDEST}, this is ${process.version}`
  const hint = `npm install --save-dev node@26.10.0, then run: npx catalyst ${process.argv.slice(2).join(' ')}`.trim()
  if (process.argv.includes('--json')) {
    const problems = [{ severity: 'error', code: 'NODE_TOO_OLD', message, hint }]
    process.stdout.write(`${JSON.stringify({ formatVersion: 1, command: null, exit: 1, result: null, problems }, null, 2)}\n`)
  } else process.stderr.write(`error[NODE_TOO_OLD]: ${message}\n  = help: ${hint}\n`)
  process.exitCode = 1
} else {
  require('../dist/fast.cjs').start(process.argv.slice(2), require('../package.json').version, require('node:path').join(__dirname, '..', 'dist'))
}
