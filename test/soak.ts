import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Kills } from './reconciler/apply/crash-report.ts'
import { soakPage } from './reconciler/apply/crash-page.ts'

/*
 * `npm run test:soak [ROUNDS [SEED]]`: the crash harness with many more rounds at random times than the tests take. Writes what
 * it saw to docs/crash-soak.md, also when something was lost, and ends as the tests do.
 */

const ROOT = resolve(import.meta.dirname, '..')
const [rounds = '300', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'catalyst-soak-'))
const told = join(folder, 'report.json')
const env = { ...process.env, CATALYST_CRASH_ROUNDS: rounds, CATALYST_CRASH_SEED: seed, CATALYST_CRASH_REPORT: told }
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/reconciler/apply/crash-data.test.ts', '--reporter=verbose'], { cwd: ROOT, env, stdio: 'inherit' })
const { kills } = JSON.parse(readFileSync(told, 'utf8')) as { readonly kills: readonly Kills[] }
writeFileSync(join(ROOT, 'docs/crash-soak.md'), soakPage(kills, { rounds: Number(rounds), seed: Number(seed), day: new Date().toISOString().slice(0, 10) }))
rmSync(folder, { recursive: true })
process.exitCode = status ?? 1
