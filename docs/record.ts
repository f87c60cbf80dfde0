import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { startExampleWorld, type ExampleWorld } from '../examples/story/example-world.ts'
import type { IndexRepository } from '../examples/world/index-repository.ts'
import { screenOf } from './record/screen.ts'
import { terminalSvg } from './record/svg.ts'

/*
 * `node docs/record.ts` makes docs/terminal.svg anew: the real command in a real terminal (`script` of util-linux gives one),
 * against the world on loopback that the tests use. Nothing of what it prints is changed. Run `npm run prepare` before.
 */

const ROOT = resolve(import.meta.dirname, '..')
const COLUMNS = 120

const STORE = (registry: string): string => `apiVersion: catalyst.dev/v1
kind: PluginSet
store: { id: nordlicht, catalyst: "3.2.0" }
registries:
  - { name: official, url: "${registry}", sigstore: ./sigstore.json }
plugins:
  stripe-payments:
    version: ^2.0.0
    permissions:
      database: { orders: read }
      api: [api.stripe.com]
      hooks: [order.placed, order.cancelled]
    config: { apiKey: "\${env:STRIPE_API_KEY}", webhookSecret: "\${env:STRIPE_WEBHOOK_SECRET}" }
  google-analytics:
    version: ^1.0.0
    permissions: { api: [www.google-analytics.com], hooks: [order.placed, order.refunded] }
    config: { measurementId: G-000000, apiSecret: "\${env:GA_SECRET}" }
`

/** A store that runs two plugins, and the releases that came out since. */
async function prepare(world: ExampleWorld, dir: string, run: (args: string) => Promise<string>): Promise<void> {
  const index = await world.createIndex()
  writeFileSync(join(dir, 'sigstore.json'), JSON.stringify(world.sigstore.trustedRoot))
  writeFileSync(join(dir, 'plugins.yaml'), STORE(`git+${index.url}`))
  await list(world, index, ['stripe-payments 2.1.0', 'google-analytics 1.0.0'])
  for (const args of ['lock', 'apply']) if (/^exit /m.test(stripVTControlCharacters(await run(args)))) throw new Error(`catalyst ${args} failed before the recording began`)
  await list(world, index, ['stripe-payments 2.1.1', 'stripe-payments 2.2.0'])
  // A stolen release: other code beside a true bundle, which is of another package.
  const other = await world.release('product-feed', '1.0.0')
  await index.list([await world.release('google-analytics', '1.1.0', { bundle: () => JSON.parse(String(other.bundle?.bytes)) as unknown })])
}

async function list(world: ExampleWorld, index: IndexRepository, releases: readonly string[]): Promise<void> {
  for (const release of releases) {
    const [id = '', version = ''] = release.split(' ')
    const permissions = { database: { orders: 'read', customers: 'read' }, api: ['*.stripe.com', 'www.google-analytics.com'], hooks: ['order.placed', 'order.cancelled', 'order.refunded'] } as const
    await index.list([await world.release(id, version)], { entry: { permissions: { ...permissions, api: [...permissions.api], hooks: [...permissions.hooks] } } })
  }
}

/** One command as it looks on a terminal; the world answers meanwhile, from this process. */
function inTerminal(dir: string, env: NodeJS.ProcessEnv): (args: string) => Promise<string> {
  return (args) =>
    new Promise((done, failed) => {
      const child = spawn('script', ['-qec', `${process.execPath} ${join(ROOT, 'bin/catalyst.cjs')} ${args}`, '/dev/null'], { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'] })
      let shown = `\u001b[1m$ catalyst ${args}\u001b[0m\n`
      child.stdout.setEncoding('utf8').on('data', (text: string) => void (shown += text))
      child.on('error', failed).on('close', (code) => done(code === 0 ? shown : `${shown}\u001b[90mexit ${code}\u001b[0m\n`))
    })
}

const SESSION = ['update', 'plan', 'apply', 'rollback stripe-payments', 'status']

const dir = mkdtempSync(join(tmpdir(), 'catalyst-record-'))
const world = await startExampleWorld()
try {
  const { CI: _ci, NO_COLOR: _none, FORCE_COLOR: _force, ...inherited } = process.env
  const run = inTerminal(dir, {
    ...inherited, TERM: 'xterm-256color', USER: 'you', GITHUB_TOKEN: '', STRIPE_API_KEY: 'demo', STRIPE_WEBHOOK_SECRET: 'demo', GA_SECRET: 'demo',
    CATALYST_CACHE_DIR: join(dir, '.cache'), XDG_STATE_HOME: join(dir, '.state'), CATALYST_GITHUB_API_URL: world.apiUrl, CATALYST_GITHUB_URL: world.url,
  })
  await prepare(world, dir, run)
  const shown: string[] = []
  for (const args of SESSION) shown.push(await run(args))
  const rows = screenOf(shown.join('\n'), COLUMNS)
  const title = 'A terminal: catalyst update takes a fix, keeps back a version that asks for more and refuses a forged one; plan, apply, rollback, status.'
  writeFileSync(join(import.meta.dirname, 'terminal.svg'), terminalSvg({ rows, columns: COLUMNS, title }))
} finally {
  await world.close()
  rmSync(dir, { recursive: true, force: true })
}
