import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { FULL } from './arena.ts'
import { measureAll, SECTION_NAMES } from './benchmarks.ts'
import { installPeers, PEERS, peerVersion } from './peers.ts'
import { page, plainTable, verdict } from './table.ts'

/*
 * `npm run bench`: builds the bundle, installs the peers once, measures, prints the table and writes docs/benchmarks.md.
 * `npm run bench -- rollback proofs` measures only these sections and writes nothing.
 */

const only = process.argv.slice(2)
const unknown = only.find((name) => !SECTION_NAMES.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`There is no section ${unknown}. Sections: ${SECTION_NAMES.join(', ')}\n`)
  process.exit(1)
}

const root = join(import.meta.dirname, '..')
const build = spawnSync(process.execPath, ['cli/build.ts'], { cwd: root, stdio: 'inherit' })
if (build.status !== 0) process.exit(1)
installPeers()

const load = `${loadavg().map((l) => l.toFixed(2)).join(' ')} (1, 5 and 15 minutes, ${availableParallelism()} processors)`
const start = performance.now()
const sections = await measureAll({ sizes: FULL, peers: PEERS, ...(only.length > 0 ? { only } : {}), tell: (what) => process.stderr.write(`measuring ${what}…\n`) })
const tookSeconds = (performance.now() - start) / 1000

process.stdout.write(`${plainTable(sections)}\n\n${verdict(sections)}\n`)
if (only.length === 0) {
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} processors, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, files in ${tmpdir()}`
  const versions = [`node ${process.version.slice(1)}`, ...PEERS.map((peer) => `${peer} ${peerVersion(peer)}`)].join(', ')
  writeFileSync(join(root, 'docs/benchmarks.md'), page(sections, { date: new Date().toISOString().slice(0, 10), machine, versions, load, tookSeconds }))
}
