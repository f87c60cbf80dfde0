import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { FULL } from './arena.ts'
import { measureAll, SECTION_NAMES } from './benchmarks.ts'
import { installPeers, PEERS, peerVersion } from './peers.ts'
import { type Kept, page, plainTable, verdict } from './table.ts'

/*
 * `npm run bench`: builds the bundle, installs the peers once, measures, prints the table and writes docs/benchmarks.md.
 * `npm run bench -- rollback proofs` measures only these sections and writes nothing; with `--keep` before the names they
 * take the place of what the page says of them.
 */

const words = process.argv.slice(2)
const only = words.filter((word) => word !== '--keep')
const keeps = words.length === 0 || words.includes('--keep')
const unknown = only.find((name) => !SECTION_NAMES.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`There is no section ${unknown}. Sections: ${SECTION_NAMES.join(', ')}\n`)
  process.exit(1)
}

const root = join(import.meta.dirname, '..')
/** The figures of the page, by section: what is not measured anew stays. */
const MEASURED = join(root, 'bench/measured.json')
const build = spawnSync(process.execPath, ['cli/build.ts'], { cwd: root, stdio: 'inherit' })
if (build.status !== 0) process.exit(1)
installPeers()

const circumstances = {
  date: new Date().toISOString().slice(0, 10),
  load: loadavg().map((l) => l.toFixed(2)).join(' '),
  machine: `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} processors, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, files in ${tmpdir()}`,
  versions: [`node ${process.version.slice(1)}`, ...PEERS.map((peer) => `${peer} ${peerVersion(peer)}`)].join(', '),
}
const sections = await measureAll({
  sizes: FULL,
  peers: PEERS,
  ...(only.length > 0 ? { only } : {}),
  tell: (what) => process.stderr.write(`measuring ${what}…\n`),
  done: (name, section, tookSeconds) => keeps && keep(name, { section, ...circumstances, tookSeconds }),
})
process.stdout.write(`${plainTable(sections)}\n\n${verdict(sections)}\n`)

function keep(name: string, measured: Kept): void {
  const kept = { ...(JSON.parse(readFileSync(MEASURED, 'utf8')) as Record<string, Kept>), [name]: measured }
  const inOrder = SECTION_NAMES.flatMap((n) => (kept[n] ? [[n, kept[n]] as const] : []))
  writeFileSync(MEASURED, `${JSON.stringify(Object.fromEntries(inOrder), null, 1)}\n`)
  writeFileSync(join(root, 'docs/benchmarks.md'), page(inOrder.map(([, part]) => part)))
}
