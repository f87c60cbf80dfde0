import { CatalystError, type Problem } from '../../schemas/errors.ts'
import { editPluginSet } from '../../schemas/plugin-set-edit.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'
import { adoptedLock, adoptions, type Adoption } from '../../reconciler/plan/adopt.ts'
import { desiredState } from '../../reconciler/plan/desired.ts'
import { staleness } from '../../reconciler/plan/stale.ts'
import type { InstallRecord } from '../../reconciler/ports.ts'
import type { Command } from '../command.ts'
import { safe, type Paint } from '../terminal.ts'

export interface AdoptArgs {
  readonly id?: string
  readonly dryRun?: boolean
}

/**
 * `catalyst adopt [ID]`: makes git say what is. Writes into plugins.yaml and the lock what is recorded as installed, of
 * one plugin with what it needs or of all; comments and order stay. Changes nothing in the store and asks no network.
 */
export const adoptCommand: Command<AdoptArgs> = async ({ house, paint }, { id, dryRun = false }) => {
  const { files } = house
  const [{ desired, text }, lock] = [await files.readDesired(), await files.readLock()]
  const installs = await house.installs(desired)
  if (id !== undefined) assertInstalled(id, installs)
  const found = adoptions({ desired, lock }, installs, id)
  const taken = found.filter((a) => a.refused.length === 0)
  const edited = taken.reduce((editor, a) => edit(editor, a), editPluginSet(text, files.shown(files.pluginsPath))).toString()
  const locked = adoptedLock(lock, taken)
  const { set, placeOf } = readPluginSet(edited, files.shown(files.pluginsPath))
  const written = !dryRun && taken.length > 0
  if (written) {
    await files.writePlugins(edited)
    await files.writeLock(locked)
  }
  const left = taken.length === 0 ? [] : staleness(desiredState(set, placeOf), locked)
  return {
    exit: 0,
    text: render(found, { written, dryRun }, paint),
    result: { written, adopted: taken.map(({ id: of, differs }) => ({ id: of, differs })), refused: found.filter((a) => a.refused.length > 0).map((a) => ({ id: a.id, reasons: a.refused })) },
    problems: [...found.flatMap(refusal), ...left.map((problem): Problem => ({ ...problem, severity: 'warning' }))],
  }
}

function assertInstalled(id: string, installs: readonly InstallRecord[]): void {
  if (installs.some((r) => r.id === id)) return
  throw new CatalystError('NOT_INSTALLED', `${id} is not recorded as installed, so there is nothing that git could say of it`)
}

function edit(editor: ReturnType<typeof editPluginSet>, { id, entry, keys }: Adoption): ReturnType<typeof editPluginSet> {
  if (entry === 'none') return editor
  return entry === 'new' ? editor.addPlugin(id, keys) : editor.change(id, keys)
}

function refusal({ id, refused }: Adoption): readonly Problem[] {
  if (refused.length === 0) return []
  return [{ code: 'CONTRADICTION', message: `${id} was not adopted: ${refused.join('; ')}`, hint: `Correct plugins.yaml, then run \`catalyst adopt ${id}\` again. Nothing was written of it.` }]
}

function render(found: readonly Adoption[], { written, dryRun }: { readonly written: boolean; readonly dryRun: boolean }, paint: Paint): string {
  if (found.length === 0) return 'Git says what is: there is nothing to adopt.'
  const lines = found.map((a) => {
    const mark = a.refused.length > 0 ? paint('bad', '!') : a.entry === 'new' ? paint('good', '+') : paint('change', '~')
    return `${mark} ${paint('strong', a.id)} ${a.block?.version ?? ''}  ${safe(a.refused.length > 0 ? 'not adopted' : a.differs.join(', '))}`
  })
  const last = written ? 'Wrote plugins.yaml and plugins.lock.yaml: read the difference, then commit both.' : dryRun ? 'Nothing was written (--dry-run).' : 'Nothing was written.'
  return [...lines, '', last].join('\n')
}
