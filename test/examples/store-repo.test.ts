import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startExampleWorld, type ExampleWorld } from '../../examples/story/example-world.ts'
import type { IndexRepository } from '../../examples/world/index-repository.ts'
import { readLock, writeLock } from '../../schemas/lock-file.ts'
import { entryDigest, type LockBlock } from '../../schemas/lock.ts'
import { builtClone } from '../builders/clone.ts'
import { runProcess } from '../builders/process.ts'
import { ActionsRunner, readWorkflow, type Event, type JobRun } from './actions-runner.ts'

/*
 * The loop in CI: the workflow of examples/store-repo/ as it stands, its steps run by bash over real git repositories,
 * against a GitHub on loopback. One store; each step begins where the one before ended.
 */

const EXAMPLE = resolve(import.meta.dirname, '../../examples/store-repo')
const workflow = readWorkflow(join(EXAMPLE, '.github/workflows/plugins.yml'))
const jobs = Object.entries(workflow.jobs)
const steps = jobs.flatMap(([job, { steps }]) => steps.map((step) => ({ job, step })))

describe('the workflow', () => {
  test('gives nobody more than it must', () => {
    expect(workflow.permissions).toEqual({})
    expect(Object.fromEntries(jobs.map(([name, job]) => [name, job.permissions]))).toEqual({ plan: { contents: 'read', actions: 'read' }, apply: { contents: 'read' } })
  })

  test('runs actions by full commit id, with the version beside it', () => {
    const lines = readFileSync(join(EXAMPLE, '.github/workflows/plugins.yml'), 'utf8').split('\n').filter((line) => line.includes('uses:'))
    expect(lines.length).toBe(steps.filter(({ step }) => step.uses).length)
    for (const line of lines) expect(line).toMatch(/uses: actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  test('no script has an expression in it, and none fetches what is not pinned (npx would, where the command is missing)', () => {
    const scripts = steps.flatMap(({ step }) => step.run ?? [])
    expect(scripts.filter((script) => script.includes('${{'))).toEqual([])
    expect(scripts.filter((script) => /npx|npm (?!ci )|curl|wget/.test(script))).toEqual([])
  })

  test('secrets are for the apply job alone, and no checkout keeps its token', () => {
    const withSecrets = steps.filter(({ step }) => JSON.stringify(step).includes('secrets.')).map(({ job }) => job)
    expect(new Set(withSecrets)).toEqual(new Set(['apply']))
    expect(workflow.jobs.apply?.environment).toBe('store')
    expect(steps.filter(({ step }) => step.uses?.startsWith('actions/checkout@')).map(({ step }) => step.with?.['persist-credentials'])).toEqual([false, false])
  })

  test('the tool is pinned to this version', () => {
    const { version } = JSON.parse(readFileSync(join(EXAMPLE, '../../package.json'), 'utf8'))
    expect(JSON.parse(readFileSync(join(EXAMPLE, 'package.json'), 'utf8')).devDependencies).toEqual({ '@catalyst/plugins': version })
  })
})

const SECRET = 'sqlite-is-behind-this-door'
let dir: string
let world: ExampleWorld
let index: IndexRepository
let runner: ActionsRunner
let env: NodeJS.ProcessEnv
let key: string
let pub: string

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'catalyst-loop-'))
  world = await startExampleWorld()
  index = await world.createIndex()
  const entry = { permissions: { database: { orders: 'read', customers: 'read' }, api: ['api.stripe.com:443', 'files.stripe.com:443'], hooks: ['order.placed', 'order.cancelled'] } } as const
  await index.list([await world.release('stripe-payments', '2.0.0')], { entry: structuredClone(entry) as never })
  await index.list([await world.release('flat-rate-shipping', '1.0.0')])
  const pair = generateKeyPairSync('ed25519')
  key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  pub = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string
  env = { CATALYST_GITHUB_API_URL: world.apiUrl, CATALYST_GITHUB_URL: world.url }
  mkdirSync(join(dir, SECRET))
  runner = new ActionsRunner({ dir, origin: join(dir, 'origin.git'), catalyst: await builtClone(dir), secrets: { DATABASE_URL: `sqlite:${join(dir, SECRET, 'store.db')}`, SNAPSHOT_KEY: key, STRIPE_API_KEY: 'sk_test', STRIPE_WEBHOOK_SECRET: 'whsec_test' }, env })
  cpSync(EXAMPLE, join(dir, 'author'), { recursive: true })
  edit('plugins.yaml', (text) => text.replace('git+https://github.com/catalyst-commerce/registry', `git+${index.url}`).replace('public-good', './official.root.json'))
  write('official.root.json', JSON.stringify(world.sigstore.trustedRoot))
  await catalyst('lock')
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', join(dir, 'origin.git')])
  execFileSync('git', ['-C', join(dir, 'origin.git'), 'config', 'uploadpack.allowAnySHA1InWant', 'true'])
  git('init', '-q', '-b', 'main')
  git('remote', 'add', 'origin', join(dir, 'origin.git'))
  commit('What our store wants')
  git('push', '-q', 'origin', 'main')
})
afterAll(async () => {
  await world.close()
  rmSync(dir, { recursive: true, force: true })
})

function git(...args: string[]): string {
  const who = { GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@localhost', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@localhost' }
  return execFileSync('git', args, { cwd: join(dir, 'author'), env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', ...who }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

function write(name: string, text: string): void {
  writeFileSync(join(dir, 'author', name), text)
}

function edit(name: string, how: (text: string) => string): void {
  const before = readFileSync(join(dir, 'author', name), 'utf8')
  expect(how(before)).not.toBe(before)
  write(name, how(before))
}

/** The operator's own command, at a desk that cannot reach the store's database: an empty one stands for it. */
async function catalyst(command: string, exit = 0): Promise<void> {
  const own = { PATH: process.env.PATH, HOME: join(dir, 'desk'), DATABASE_URL: `sqlite:${join(dir, 'desk.db')}`, ...env }
  const ended = await runProcess([process.execPath, join(dir, 'clone/bin/catalyst.cjs'), ...command.split(' ')], { cwd: join(dir, 'author'), env: own })
  expect(ended, ended.out + ended.err).toMatchObject({ exit })
}

function commit(message: string): void {
  git('add', '-A')
  git('commit', '-q', '-m', message)
}

/** A pull request of what `change` does, as GitHub offers it to a workflow: merged with the base in a ref of its own. */
async function pull(branch: string, change: () => unknown): Promise<JobRun> {
  git('checkout', '-q', '-B', branch, 'main')
  await change()
  commit(branch)
  git('checkout', '-q', '--detach', 'main')
  git('merge', '-q', '--no-ff', '--no-edit', branch)
  const sha = git('rev-parse', 'HEAD')
  git('push', '-q', '-f', 'origin', `${sha}:refs/pull/7/merge`)
  git('checkout', '-q', 'main')
  return only(await runner.run({ name: 'pull_request', ref: 'refs/pull/7/merge', sha, base: 'main', head: branch }, workflow))
}

async function merge(branch: string): Promise<JobRun> {
  git('merge', '-q', '--no-ff', '--no-edit', branch)
  return pushed()
}

async function pushed(): Promise<JobRun> {
  git('push', '-q', 'origin', 'main')
  const event: Event = { name: 'push', ref: 'refs/heads/main', sha: git('rev-parse', 'HEAD'), base: 'main' }
  return only(await runner.run(event, workflow))
}

function only(runs: readonly JobRun[]): JobRun {
  expect(runs.length).toBe(1)
  return runs[0]!
}

/** What the store's records say, asked where the apply job asks. */
async function installed(): Promise<Record<string, string>> {
  const own = { PATH: process.env.PATH, HOME: join(dir, 'home'), DATABASE_URL: `sqlite:${join(dir, SECRET, 'store.db')}` }
  const { out } = await runProcess([process.execPath, join(dir, 'clone/bin/catalyst.cjs'), '--json', 'status', '--check'], { cwd: join(dir, 'store'), env: own })
  return Object.fromEntries(JSON.parse(out).result.plugins.map((p: { id: string; version: string }) => [p.id, p.version]))
}

const CHECK = 'The lock answers plugins.yaml, and every release in it is proven'

describe('before anything was applied', () => {
  test('a pull request is compared with its base', async () => {
    const run = await pull('first', () => edit('plugins.yaml', (text) => text.replace('490', '590')))
    expect(run, run.log).toMatchObject({ job: 'plan', exit: 0 })
    expect(run.summary).toContain('| configure | `flat-rate-shipping` | 1.0.0 | 1.0.0 |')
    expect(run.summary).toContain('Compared with the lock at origin/main; what is really installed was not looked at.')
  })

  test('a merge applies: the summary shows the plan, the store has the plugins', async () => {
    const run = await merge('first')
    expect(run, run.log).toMatchObject({ job: 'apply', exit: 0, failed: undefined })
    expect(run.summary).toContain('### Plugin plan for `acme-eu`')
    expect(run.summary).toContain('| install | `stripe-payments` |  | 2.0.0 | may now `api api.stripe.com:443`<br>may now `database orders: read`')
    expect(await installed()).toEqual({ 'flat-rate-shipping': '1.0.0', 'stripe-payments': '2.0.0' })
    expect(existsSync(join(dir, 'store/.catalyst/current'))).toBe(true)
    // Nobody has the public key yet: the state is signed and kept, and no plan believes it.
    expect(runner.artifact('store-state')).toBeDefined()
  })
})

describe('with the signed state of the store', () => {
  test('a key in the base is what a plan needs to believe it', async () => {
    const run = await pull('key', () => write('snapshot.pub', pub))
    expect(run.summary).toContain('Compared with the lock at origin/main')
    expect(await merge('key')).toMatchObject({ exit: 0 })
    expect(await installed()).toEqual({ 'flat-rate-shipping': '1.0.0', 'stripe-payments': '2.0.0' })
  })

  test('a pull request that updates shows what the store would do, and does nothing there', async () => {
    await index.list([await world.release('stripe-payments', '2.1.0')])
    const before = await installed()
    const run = await pull('update', () => catalyst('update'))
    expect(run, run.log).toMatchObject({ job: 'plan', exit: 0 })
    expect(run.summary).toContain('| upgrade | `stripe-payments` | 2.0.0 | 2.1.0 |')
    expect(run.summary).toMatch(/Compared with the signed state of the store as it was at 20\d\d-/)
    expect(run.log).toContain('each release proven again')
    expect(await installed()).toEqual(before)
  })

  test('its merge does it; the next pull request is compared with that', async () => {
    const run = await merge('update')
    expect(run, run.log).toMatchObject({ job: 'apply', exit: 0 })
    expect(await installed()).toEqual({ 'flat-rate-shipping': '1.0.0', 'stripe-payments': '2.1.0' })
    // The checkout left the store alone: the way back is still there.
    expect(existsSync(join(dir, 'store/.catalyst/generations/1'))).toBe(true)
    const next = await pull('words', () => write('NOTES.md', 'nothing for the store'))
    expect(next).toMatchObject({ exit: 0, summary: expect.stringContaining('No changes. 2 plugins as wanted.') })
  })

  test('what waits for a decision is red in the pull request, and holds up nothing else after the merge', async () => {
    const run = await pull('empty', async () => {
      edit('plugins.yaml', (text) => `${text.slice(0, text.indexOf('plugins:'))}plugins: {}\n`)
      await catalyst('lock')
    })
    expect(run).toMatchObject({ job: 'plan', exit: 3, failed: 'Plan', summary: expect.stringContaining('is blocked') })
    const applied = await merge('empty')
    expect(applied).toMatchObject({ job: 'apply', exit: 3, failed: 'Apply', summary: expect.stringContaining('is blocked') })
    expect(await installed()).toEqual({ 'flat-rate-shipping': '1.0.0', 'stripe-payments': '2.1.0' })
    git('revert', '--no-edit', '-m', '1', 'HEAD')
    expect(await pushed()).toMatchObject({ exit: 0 })
  })
})

describe('attacks by pull request', () => {
  /** Edits a block; with a digest that fits when `fitting`. */
  const forge = (odd: (block: LockBlock) => Partial<LockBlock>, fitting: boolean) => (): void => {
    edit('plugins.lock.yaml', (text) => {
      const lock = readLock(text, 'plugins.lock.yaml')
      const block = { ...lock.plugins['stripe-payments']!, ...odd(lock.plugins['stripe-payments']!) }
      const forged = fitting ? { ...block, entryDigest: entryDigest(block) } : block
      return writeLock({ ...lock, plugins: { ...lock.plugins, 'stripe-payments': forged } })
    })
  }
  const fewer = (block: LockBlock): Partial<LockBlock> => ({ permissions: { ...block.permissions, api: [] } })

  test('the lock edited by hand', async () => {
    const run = await pull('by-hand', forge(fewer, false))
    expect(run).toMatchObject({ job: 'plan', exit: 5, failed: CHECK, summary: '', log: expect.stringContaining('error[LOCK_EDITED]') })
  })

  test('the lock edited by hand with a digest that fits', async () => {
    const run = await pull('by-hand-well', forge(fewer, true))
    expect(run).toMatchObject({ job: 'plan', exit: 5, failed: CHECK, summary: '', log: expect.stringContaining('error[MANIFEST_MISMATCH]: stripe-payments 2.1.0: the lock and the release differ in permissions') })
  })

  test('plugins.yaml without the lock that answers it', async () => {
    const run = await pull('forgotten', () => edit('plugins.yaml', (text) => text.replace('^2.0.0', '^2.1.0')))
    expect(run).toMatchObject({ job: 'plan', exit: 4, failed: CHECK, log: expect.stringContaining('error[LOCK_STALE]') })
  })

  test('its own key for a state of its own making: the base’s key counts', async () => {
    const state = readFileSync(runner.artifact('store-state')!, 'utf8')
    const other = generateKeyPairSync('ed25519')
    const run = await pull('own-key', () => {
      write('snapshot.pub', other.publicKey.export({ type: 'spki', format: 'pem' }) as string)
      write('store-state.json', '{}')
    })
    expect(run).toMatchObject({ exit: 0, summary: expect.stringContaining(`as it was at ${JSON.parse(state).takenAt}`) })
  })

  test('a state that somebody altered on its way: no plan', async () => {
    const path = runner.artifact('store-state')!
    const state = readFileSync(path, 'utf8')
    writeFileSync(path, state.replace('"version":"2.1.0"', '"version":"2.0.0"'))
    const run = await pull('altered-state', () => write('NOTES.md', 'nothing again'))
    expect(run).toMatchObject({ exit: 5, failed: 'Plan', summary: '', log: expect.stringContaining('error[SIGNATURE_INVALID]') })
    writeFileSync(path, state)
  })
})

test('no secret was shown, in no log, no summary and no artifact', () => {
  const shown = runner.everything()
  for (const secret of [SECRET, ...key.split('\n').filter((line) => line !== ''), 'ghs_ofThisRunOnly']) expect(shown).not.toContain(secret)
  expect(shown).toContain('### Plugin plan')
})
