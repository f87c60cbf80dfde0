import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { found, sign, stage } from '../../../catalog/tuf/ceremony.ts'
import { openIndexTree } from '../../../catalog/tuf/index-tree.ts'
import { newSigner } from '../../../catalog/tuf/key-file.ts'
import { SIGNED } from '../../../catalog/tuf/layout.ts'
import { publishTuf, type PublishReport } from '../../../catalog/tuf/publish.ts'
import { indexFiles, type Files } from '../../registry/index-files.ts'

/** Whose keys sign here. */
export const PEOPLE = { anna: newSigner('anna'), bela: newSigner('bela'), cleo: newSigner('cleo') }
export const BOT = { index: newSigner('index'), snapshot: newSigner('snapshot'), timestamp: newSigner('timestamp') }

/**
 * A registry in a folder with keys (two of three maintainers must sign), and the folder where it is published. Valid by
 * default: a test says what is odd.
 */
export class SignedRegistry {
  /** What people and the bot write. */
  readonly dir: string
  /** What is served. */
  readonly out: string
  now: string
  readonly #base: string

  private constructor(base: string, now: string) {
    this.#base = base
    this.dir = join(base, 'registry')
    this.out = join(base, 'public')
    this.now = now
  }

  static async open({ files = indexFiles(), now = new Date().toISOString() }: { files?: Files; now?: string } = {}): Promise<SignedRegistry> {
    const registry = new SignedRegistry(mkdtempSync(join(tmpdir(), 'tuf-')), now)
    registry.write(files)
    const maintainers = Object.values(PEOPLE).map(({ key }) => key)
    await found(registry.dir, { root: maintainers, rootThreshold: 2, maintainers, threshold: 2, online: { index: BOT.index.key, snapshot: BOT.snapshot.key, timestamp: BOT.timestamp.key }, bits: 2, now })
    return registry
  }

  /** The pinned root of a store. */
  get root(): string {
    return join(this.dir, SIGNED.root(1))
  }

  write(files: Readonly<Record<string, string | undefined | { link: string }>>): void {
    for (const [path, value] of Object.entries(files)) {
      const at = join(this.dir, path)
      mkdirSync(dirname(at), { recursive: true })
      rmSync(at, { recursive: true, force: true })
      if (typeof value === 'string') writeFileSync(at, value)
      if (typeof value === 'object') symlinkSync(value.link, at)
    }
  }

  /** Two maintainers sign what lies in the folder. */
  async signed(by = [PEOPLE.anna, PEOPLE.bela]): Promise<void> {
    await stage(this.dir, this.now)
    for (const person of by) await sign(this.dir, [person])
  }

  /** As the bot does; into `out` when it is given. */
  async publish(odd: { changed?: readonly string[]; signers?: typeof BOT; out?: string } = {}): Promise<PublishReport> {
    const { signers = BOT, out = this.out, ...rest } = odd
    return publishTuf({ tree: await openIndexTree(this.dir), folder: out, signers: Object.values(signers), now: this.now, ...rest })
  }

  close(): void {
    rmSync(this.#base, { recursive: true, force: true })
  }
}
