import { resolve } from 'node:path'
import { openIndexTree } from '../../catalog/tuf/index-tree.ts'
import { publishTuf } from '../../catalog/tuf/publish.ts'
import type { Command } from '../command.ts'
import type { RegistryContext } from '../compose-registry.ts'

/** `catalyst registry publish --to FOLDER --key FILE`: signs what is committed and writes what is served. Nothing changed writes nothing. */
export const publishCommand: Command<{ readonly to: string; readonly key: readonly string[] }, RegistryContext> = async ({ registry }, { to, key }) => {
  const [tree, signers] = await Promise.all([openIndexTree(registry.dir), registry.keys(key)])
  const report = await publishTuf({ tree, folder: resolve(to), signers, now: registry.now() })
  const { written, versions, expires, problems } = report
  const what = written.length === 0 ? `Nothing changed; ${to} stays at snapshot ${versions.snapshot}.` : `Published snapshot ${versions.snapshot} into ${to}: ${written.length} files.`
  return { exit: 0, text: `${what}\nPublish again before ${expires}; stores take no index that has expired.`, result: { head: tree.head ?? null, ...versions, expires, written }, problems }
}
