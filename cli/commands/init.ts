import { access } from 'node:fs/promises'
import { basename } from 'node:path'
import { CatalystError } from '../../schemas/errors.ts'
import { idProblem } from '../../schemas/names.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import type { Command } from '../command.ts'

/** `catalyst init`: writes a first plugins.yaml with every common field explained, and never over an existing one. */
export const initCommand: Command<{ readonly id?: string; readonly registry?: string }> = async ({ house, paint }, args) => {
  const { files } = house
  const shown = files.shown(files.pluginsPath)
  if (await access(files.pluginsPath).then(() => true, () => false)) throw new CatalystError('CONTRADICTION', `${shown} exists already`, { hint: 'Edit it, or run `catalyst add ID`.' })
  const id = args.id ?? storeIdFrom(basename(files.dir))
  if (idProblem(id)) throw new CatalystError('INVALID_ID', `${JSON.stringify(id)} is not a store id`)
  const written = template(id, args.registry)
  assertReadable(written)
  await files.writePlugins(written)
  await files.ignore(['.catalyst/', 'plugin-data/', 'store.db', 'store.db-wal', 'store.db-shm', 'node_modules/'])
  const text = [`${paint('good', '✓')} Wrote ${shown}.`, '', 'Next:', '  catalyst add <id>    to add a plugin', '  catalyst lock        to choose and prove versions', '  catalyst plan        to see what would change', '  catalyst apply       to make it so'].join('\n')
  return { exit: 0, text, result: { written: [shown] } }
}

/** What was asked for may make a file that no command could read: it is told now, and not written. It has no line yet. @throws CatalystError */
function assertReadable(text: string): void {
  try {
    readPluginSet(Buffer.from(text), 'plugins.yaml')
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    throw new CatalystError(error.code, error.message, { cause: error, hint: error.hint })
  }
}

function storeIdFrom(folder: string): string {
  const id = folder.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^[^a-z]+|-+$/g, '').slice(0, 40)
  return id === '' || idProblem(id) ? 'my-store' : id
}

function template(id: string, registry: string | undefined): string {
  return `# yaml-language-server: $schema=./node_modules/@catalyst/plugins/schemas/plugins.schema.json
apiVersion: catalyst.dev/v1
kind: PluginSet
store:
  id: ${id}
  catalyst: "3.2.0"          # the version of your platform: plugins that need another one are not taken
registries:                  # order matters: the first that lists an id owns it
  - name: official
    url: ${registry === undefined ? 'git+https://github.com/catalyst-commerce/registry' : scalar(registry)}
policy:
  upgrades: minor            # how far \`catalyst update\` may move by itself: none | patch | minor | major
  minimumReleaseAge: 24h     # a release must be this old before it is taken
plugins: {}
`
}

/** A text as YAML reads it back: plain where that is the same. */
function scalar(text: string): string {
  return /^[a-z+]+:[\w./@~+-]+$/.test(text) ? text : JSON.stringify(text)
}
