#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
'use strict'
// Plain JavaScript for any Node: it only asks whether this one is new enough, then hands over to the bundle.
const OLDEST = 26
const major = Number(process.versions.node.split('.')[0])

if (major < OLDEST) {
  process.stderr.write(
    `error[NODE_TOO_OLD]: catalyst needs Node ${OLDEST}, this is ${process.version}\n` +
      `  = help: npm install --save-dev node@26.10.0, then run: npx catalyst ${process.argv.slice(2).join(' ')}\n`,
  )
  process.exitCode = 1
} else {
  require('../dist/fast.cjs').start(process.argv.slice(2), require('../package.json').version, require('node:path').join(__dirname, '..', 'dist'))
}
