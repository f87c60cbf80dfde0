import * as Type from 'typebox'
import { Closed, Duration, Id, Instant } from './common.ts'

/** What a removal decides about besides code: config, the data folder with stored keys, and the tables that migrations made. */
const DataClass = Type.Enum(['config', 'data', 'tables'])

/**
 * One thing to do to what outlives code, in the order of the list. What is written here is all that may be done; the
 * executor decides nothing. Every step is done under the lease, with journal intent before and observation after it, may
 * be done twice, and is recorded in the store's database in the transaction of its own effect where it has one there:
 *
 * - `answer`: keep the answer in `Removal.answers`; it did not come from git.
 * - `deactivate`: activate a generation in which the plugin is switched off (`enabled: false`); its install record stands.
 *   Until `code` has been recorded, putting the entry back finds an installed plugin that is switched on again.
 * - `backup`: `Backups.write` (which reads back); with `existing`, `Backups.verify` of that name first, and `write` only
 *   when that backup is gone or damaged. Fails -> nothing after it is done; the plugin goes back to what it was.
 * - `code`: one transaction: install record out, retained record in, with `Change.sealed` as `Removal.policy`, the answers,
 *   the backup, the inventory and the data folder as they are now, every class `retained`. `keep: false` unpins the tree
 *   (`code: 'removed'`); collecting it stays gc's business. Of a plugin that is removed already: only the pin.
 * - `retain`, `ask`: record the class as `retained` or `awaiting` since now. `ask` records `retained` where the inventory
 *   (tables) or the folder (data) shows that there is nothing to ask about.
 * - `quarantine`: move the class out of the way (`PluginTables.quarantine`; the folder by rename), record it with `purgeAt`
 *   = since + grace. A class that is there already keeps its `since` and gets the new `purgeAt`.
 * - `return`: out of quarantine, back to its place. The record follows by the next step of the class.
 * - `purge`: destroy it for ever (`PluginTables.drop`, the folder), record `purged` with time and person. `drop` asks the
 *   database again who uses the tables: on TABLE_IN_USE a class that is not in quarantine yet goes there and waits.
 * - `move`: everything of `from` goes on under the change's id: tables and their history, data folder, backups' index,
 *   record. Recorded migrations take texts and checksums of the new package, whose ids are the same.
 * - `revert`: `PluginTables.revert` of that migration, newest first. `restore`: `Backups.restore` of that backup.
 */
export const DataStep = Type.Union([
  Closed({ do: Type.Literal('answer'), class: DataClass, answer: Type.Enum(['keep', 'remove']) }),
  Closed({ do: Type.Literal('deactivate') }),
  Closed({ do: Type.Literal('backup'), existing: Type.Optional(Type.String({ maxLength: 200 })) }),
  Closed({ do: Type.Literal('code'), keep: Type.Boolean() }),
  Closed({ do: Type.Literal('return'), class: DataClass }),
  Closed({ do: Type.Literal('retain'), class: DataClass }),
  Closed({ do: Type.Literal('ask'), class: DataClass }),
  Closed({ do: Type.Literal('quarantine'), class: DataClass, grace: Duration }),
  Closed({ do: Type.Literal('purge'), class: DataClass }),
  Closed({ do: Type.Literal('move'), from: Id }),
  Closed({ do: Type.Literal('revert'), migration: Type.String({ maxLength: 80 }) }),
  Closed({ do: Type.Literal('restore'), backup: Type.String({ maxLength: 200 }) }),
])
export type DataStep = Type.Static<typeof DataStep>

/** What becomes of one class: for people. `until` is the end of the grace, as seen from the time of the plan. */
export const ClassEffect = Closed({
  class: DataClass,
  from: Type.Optional(Type.Enum(['retained', 'awaiting', 'quarantined', 'purged'])),
  becomes: Type.Enum(['retained', 'awaiting', 'quarantined', 'purged', 'attached']),
  until: Type.Optional(Instant),
})
export type ClassEffect = Type.Static<typeof ClassEffect>

/** How much there is, by what was looked at last. A member that is absent was not looked at: unknown, never empty. */
export const Holdings = Closed({
  tables: Type.Optional(Closed({ count: Type.Integer(), rows: Type.Integer(), bytes: Type.Integer() })),
  data: Type.Optional(Closed({ files: Type.Integer(), bytes: Type.Integer() })),
})
export type Holdings = Type.Static<typeof Holdings>

const Run = Closed({ plugin: Id, migration: Type.String({ maxLength: 80 }) })

/**
 * What one group of changes does, in the order of the list. A phase that has nothing to do is left out.
 *
 * - `expand`: run these migrations while the old code is live. `probe`: start the new code and ask for its health.
 * - `deactivate`: a generation in which these plugins are switched off. `backup`: of each of them, read back.
 * - `before`: the steps of these changes that come before the switch (`answer move return revert restore`).
 * - `breaking`: run these migrations while the plugins are off. `switch`: activate and record the new set.
 * - `contract`: run these migrations under the new code. `after`: the other steps of these changes (removals, purges).
 *
 * A phase that fails undoes the group back to its last generation: `breaking` by transaction, else by the downs of what
 * ran, else the plugin stays switched off and is Stalled. `contract` and `after` never undo the switch: what is left of
 * them is in the next plan. Nothing of another group waits for it.
 */
export const Phase = Type.Union([
  Closed({ phase: Type.Enum(['expand', 'breaking', 'contract']), run: Type.Array(Run) }),
  Closed({ phase: Type.Enum(['probe', 'deactivate', 'backup', 'before', 'switch', 'after']), plugins: Type.Array(Id) }),
])
export type Phase = Type.Static<typeof Phase>

/** One group. All groups of `shared` switch in one generation; each of `own` makes its own, after the shared one. */
export const PhasedGroup = Closed({
  group: Type.Integer({ minimum: 0 }),
  plugins: Type.Array(Id),
  generation: Type.Enum(['shared', 'own']),
  phases: Type.Array(Phase),
})
export type PhasedGroup = Type.Static<typeof PhasedGroup>
