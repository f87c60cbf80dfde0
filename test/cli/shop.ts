import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { main } from '../../cli/main.ts'
import type { HouseOptions } from '../../cli/compose.ts'
import type { Problem } from '../../schemas/errors.ts'
import type { PluginEntry, PluginSet } from '../../schemas/plugin-set.ts'
import { startWorld, type World } from '../../examples/world/world.ts'
import type { IndexRepository } from '../../examples/world/index-repository.ts'
import type { Published, ReleasePlan } from '../../examples/world/publish.ts'

/** What one command answered. */
export interface Answer {
  readonly exit: number
  readonly out: string
  readonly err: string
  /** `result` of the JSON document; only of commands run with `json`. */
  readonly result: any // oxlint-disable-line typescript/no-explicit-any -- each test knows its own
  readonly problems: readonly Problem[]
}

/**
 * A store, a world with a registry, and the real command in this process: everything real but the terminal. Valid by
 * default; a test says what is odd.
 */
export class Shop {
  readonly world: World
  readonly index: IndexRepository
  readonly dir: string
  readonly env: NodeJS.ProcessEnv
  now: string | undefined
  /** What a person types, question by question; undefined: nobody is at the terminal. */
  typed: string[] | undefined
  /** The questions that were put. */
  readonly asked: string[] = []

  private constructor(world: World, index: IndexRepository, dir: string) {
    this.world = world
    this.index = index
    this.dir = dir
    this.env = { CATALYST_CACHE_DIR: join(dir, '.cache'), XDG_STATE_HOME: join(dir, '.state'), CATALYST_GITHUB_API_URL: world.apiUrl, CATALYST_GITHUB_URL: world.url, USER: 'tester' }
  }

  static async open(): Promise<Shop> {
    const world = await startWorld()
    const dir = mkdtempSync(join(tmpdir(), 'catalyst-shop-'))
    writeFileSync(join(dir, 'root.json'), JSON.stringify(world.sigstore.trustedRoot))
    return new Shop(world, await world.createIndex(), dir)
  }

  /** Publishes a signed release and lists it in the registry. */
  async release(id: string, version: string, odd: Partial<ReleasePlan> = {}): Promise<Published> {
    const published = await this.world.publish({ id, version, ...odd })
    await this.index.list([published])
    return published
  }

  /** Writes plugins.yaml with these plugins. */
  want(plugins: Record<string, PluginEntry>, odd: Partial<PluginSet> = {}): void {
    const set = {
      apiVersion: 'catalyst.dev/v1',
      kind: 'PluginSet',
      store: { id: 'acme-eu', catalyst: '3.2.0' },
      registries: [{ name: 'official', url: `git+${this.index.url}`, sigstore: './root.json' }],
      policy: { minimumReleaseAge: '0s' },
      plugins,
      ...odd,
    }
    this.write('plugins.yaml', stringify(set))
  }

  read(name: string): string {
    return readFileSync(join(this.dir, name), 'utf8')
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.dir, name), text)
  }

  /** Changes one byte in the middle of a file. */
  flip(name: string): void {
    const bytes = readFileSync(join(this.dir, name))
    const at = bytes.length >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(join(this.dir, name), bytes)
  }

  /** Runs a command for people. */
  run(command: string, around: Partial<HouseOptions> = {}): Promise<Answer> {
    return this.#run(command.split(' ').filter((a) => a !== ''), around)
  }

  /** Runs a command for machines. */
  json(command: string, around: Partial<HouseOptions> = {}): Promise<Answer> {
    return this.#run(['--json', ...command.split(' ')], around)
  }

  /** lock and apply; both must end with 0. */
  async settle(): Promise<void> {
    for (const command of ['lock', 'apply']) {
      const answer = await this.json(command)
      if (answer.exit !== 0) throw new Error(`${command} ended with ${answer.exit}: ${JSON.stringify(answer.problems)} ${JSON.stringify(answer.result)}`)
    }
  }

  /** Ids and versions that are live on this machine, as the records say. */
  async installed(): Promise<Record<string, string>> {
    const { result } = await this.json('status')
    return Object.fromEntries((result.plugins as { id: string; version: string }[]).map((p) => [p.id, p.version]))
  }

  async close(): Promise<void> {
    await this.world.close()
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #run(args: readonly string[], around: Partial<HouseOptions>): Promise<Answer> {
    let out = ''
    let err = ''
    const ask = async (question: string): Promise<string> => (this.asked.push(question), this.typed?.shift() ?? '')
    const terminal = { ...(this.typed ? { ask } : {}), out: (text: string) => void (out += `${text}\n`), err: (text: string) => void (err += `${text}\n`), colour: false, interactive: false, columns: 100 }
    const now = this.now
    const exit = await main(['-C', this.dir, ...args], terminal, { env: this.env, ...(now ? { now: () => now } : {}), ...around })
    const document = args[0] === '--json' ? JSON.parse(out) : { result: undefined, problems: [] }
    return { exit, out, err, result: document.result, problems: document.problems }
  }
}
