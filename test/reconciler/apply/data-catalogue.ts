import type { Dialect } from '../../../reconciler/data-ports.ts'
import { tableIn } from './data-world.ts'
import type { Catalogue, MigrationText, ReleaseOdds } from './world.ts'

/* Releases with migrations of every kind, for either database. */

/** The migrations of a plugin: each adds something that tells whether it has run. */
export interface Texts {
  /** Makes `items` with three rows. */
  readonly init: MigrationText
  /** Expands: a column that old code does not know. */
  readonly note: MigrationText
  /** Breaks: a column is called otherwise. */
  readonly rename: MigrationText
  /** Contracts: the column of `note` goes. */
  readonly tidy: MigrationText
  /** Breaks, and cannot be undone. */
  readonly oneWay: MigrationText
  /** Expands by its own table. */
  readonly extra: MigrationText
  /** Breaks: a column more. Its way back throws away what is in it by then. */
  readonly gift: MigrationText
  /** Fails as long as there is a row 1. */
  readonly bad: MigrationText
  /** Fails always. */
  readonly worse: MigrationText
}

/** What can be done to the tables of `plugin`. Ids are in the order of this list. */
export function textsOf(dialect: Dialect, plugin: string): Texts {
  const items = tableIn(dialect, plugin, 'items')
  const extra = tableIn(dialect, plugin, 'extra')
  return {
    init: { id: '0001_init', up: `-- catalyst: breaking\nCREATE TABLE ${items} (id INTEGER PRIMARY KEY, title TEXT);\nINSERT INTO ${items} VALUES (1, 'one'), (2, 'two'), (3, 'three')`, down: `DROP TABLE ${items}` },
    note: { id: '0002_note', up: `-- catalyst: expand\nALTER TABLE ${items} ADD COLUMN note TEXT`, down: `ALTER TABLE ${items} DROP COLUMN note` },
    rename: { id: '0003_rename', up: `-- catalyst: breaking\nALTER TABLE ${items} RENAME COLUMN title TO label`, down: `ALTER TABLE ${items} RENAME COLUMN label TO title` },
    tidy: { id: '0004_tidy', up: `-- catalyst: contract\nALTER TABLE ${items} DROP COLUMN note`, down: `ALTER TABLE ${items} ADD COLUMN note TEXT` },
    oneWay: { id: '0005_one_way', up: `-- catalyst: breaking\nUPDATE ${items} SET id = id + 100` },
    extra: { id: '0006_extra', up: `-- catalyst: expand\nCREATE TABLE ${extra} (id INTEGER PRIMARY KEY)`, down: `DROP TABLE ${extra}` },
    gift: { id: '0007_gift', up: `-- catalyst: breaking\nALTER TABLE ${items} ADD COLUMN gift TEXT`, down: `ALTER TABLE ${items} DROP COLUMN gift` },
    bad: { id: '0009_bad', up: `-- catalyst: breaking\nINSERT INTO ${items} (id) VALUES (9);\nINSERT INTO ${items} (id) VALUES (1)` },
    worse: { id: '0010_worse', up: `-- catalyst: breaking\nINSERT INTO ${items} (id) VALUES (9);\nINSERT INTO ${items} (id) VALUES (9)` },
  }
}

/** `bad` of another kind. */
export const asKind = (migration: MigrationText, kind: 'expand' | 'contract' | 'breaking'): MigrationText => ({ ...migration, up: migration.up.replace(/^-- catalyst: \w+/, `-- catalyst: ${kind}`) })

/**
 * A plugin in versions that build on each other: 1.0.0 makes its table, 1.1.0 expands it, 2.0.0 breaks with it, 2.1.0 contracts
 * it, 3.0.0 cannot be undone.
 */
export function versionsOf(dialect: Dialect, plugin: string, odd: ReleaseOdds = {}): Catalogue {
  const { init, note, rename, tidy, oneWay } = textsOf(dialect, plugin)
  const all: readonly (readonly [string, readonly MigrationText[]])[] = [
    ['1.0.0', [init]],
    ['1.1.0', [init, note]],
    ['2.0.0', [init, note, rename]],
    ['2.1.0', [init, note, rename, tidy]],
    ['3.0.0', [init, note, rename, tidy, oneWay]],
  ]
  return Object.fromEntries(all.map(([version, migrations]) => [`${plugin}@${version}`, { ...odd, migrations }]))
}
