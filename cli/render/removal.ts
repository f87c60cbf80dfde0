import { runOrder } from '../../reconciler/plan/migration-path.ts'
import { bytesText, counted } from '../../reconciler/plan/amounts.ts'
import { isEmpty, minuteOf } from '../../reconciler/plan/removal-words.ts'
import type { Change } from '../../schemas/plan.ts'
import type { ClassEffect } from '../../schemas/plan-data.ts'

/** One detail under a change: a word in the margin, and what it says. */
export type Row = readonly [string, string]

const SHOWN_TABLES = 6

/** What a change does to things that outlive code: what there is, what stays, what goes and when, how to take it back. */
export function dataRows(change: Change): readonly Row[] {
  return [...tableRows(change), ...fileRows(change), ...fateRows(change), ...runRows(change), ...backupRows(change), ...undoRows(change)]
}

function tableRows({ effects: { tables } }: Change): readonly Row[] {
  if (tables.length === 0) return []
  const shown = tables.slice(0, SHOWN_TABLES).map(({ name, rows, bytes }) => (rows === undefined || bytes === undefined ? name : `${name} (${counted(rows, 'row')}, ${bytesText(bytes)})`))
  const more = tables.length > SHOWN_TABLES ? [`and ${tables.length - SHOWN_TABLES} more`] : []
  return [['tables', [...shown, ...more].join(', ')]]
}

function fileRows({ effects: { holdings } }: Change): readonly Row[] {
  return holdings?.data && holdings.data.files > 0 ? [['data', `${counted(holdings.data.files, 'file')}, ${bytesText(holdings.data.bytes)}`]] : []
}

function fateRows({ effects, action }: Change): readonly Row[] {
  const { keeps, destroys, asks = [], classes = [], holdings } = effects
  const inState = (is: (c: ClassEffect) => boolean): readonly string[] => classes.filter(is).map((c) => c.class)
  const found = inState((c) => c.becomes === 'attached')
  const back = inState((c) => c.from === 'quarantined' && c.becomes !== 'quarantined' && c.becomes !== 'purged')
  const now = inState((c) => c.becomes === 'purged' && c.from !== 'purged')
  const later = classes.filter((c) => c.becomes === 'quarantined')
  const asked = asks.filter((key) => !isEmpty(key, holdings ?? {}))
  const stays = keeps.filter((key) => !found.includes(key))
  return [
    ...row('finds again', found),
    ...row('comes back', back, ' out of quarantine'),
    ...row(action === 'move' ? 'takes along' : 'keeps', stays),
    ...row('asks', asked, ': kept until somebody answers'),
    ...(destroys.includes('code') ? [['removes', 'code, when no generation needs it any more'] as const] : []),
    ...later.map((c): Row => ['sets aside', `${c.class}${c.until === undefined ? ' for the grace, then destroyed' : ` until ${minuteOf(c.until)}, then destroyed`}`]),
    ...row('destroys', now, ' now'),
  ]
}

function row(name: string, what: readonly string[], more = ''): readonly Row[] {
  return what.length === 0 ? [] : [[name, `${what.join(', ')}${more}`]]
}

/** When migrations run tells whether anything stands still meanwhile. */
function runRows({ from, action, effects: { migrations } }: Change): readonly Row[] {
  if (action === 'move' && from?.enabled) return [['meanwhile', 'switched off: its tables change their names']]
  if (!from || migrations.length === 0) return []
  const { expand, breaking, contract } = runOrder(migrations)
  const ids = (list: typeof expand): string => list.map((m) => m.id).join(', ')
  const when = [
    ...(expand.length > 0 ? [`${ids(expand)} while the old code runs`] : []),
    ...(breaking.length > 0 ? [`${ids(breaking)} while it is switched off`] : []),
    ...(contract.length > 0 ? [`${ids(contract)} after the switch`] : []),
  ]
  return [['runs', when.join('; ')]]
}

function backupRows({ steps = [], action, effects }: Change): readonly Row[] {
  const backup = steps.find((step) => step.do === 'backup')
  if (backup) return [['backup', backup.existing === undefined ? 'written and read back before anything goes' : `${backup.existing}, read back before anything goes`]]
  const goes = (effects.classes ?? []).some((c) => (c.becomes === 'quarantined' || c.becomes === 'purged') && c.from !== c.becomes)
  return goes && (action === 'remove' || action === 'purge') ? [['backup', 'NONE: the line under removed: says backup: false']] : []
}

function undoRows({ effects: { undo } }: Change): readonly Row[] {
  return undo === undefined ? [] : [['to undo', undo]]
}

const DONE: Readonly<Partial<Record<Change['action'], string>>> = {
  remove: 'removed',
  purge: 'purged',
  configure: 'decided',
  reattach: 'attached again',
  move: 'goes on under this id',
}

/** What a change has done to things that outlive code, in one clause; undefined for one that does nothing to them. */
export function doneText(change: Change | undefined): string | undefined {
  const done = change?.removed && change.action === 'remove' ? 'decided' : change && DONE[change.action]
  if (!change || done === undefined || (change.effects.classes === undefined && change.action !== 'move')) return undefined
  const told = fateRows(change).map(([what, text]) => `${what}: ${text}`)
  return told.length === 0 ? done : `${done}; ${told.join('; ')}`
}
