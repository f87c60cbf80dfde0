import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import type { ExampleWorld } from './example-world.ts'
import type { Narrator } from './narrator.ts'
import type { StoryRegistry } from './registry.ts'

/** Where the story plays: a store's folder, and the way to edit its plugins.yaml. */
export interface Scene {
  readonly world: ExampleWorld
  readonly registry: StoryRegistry
  readonly dir: string
  edit(how: (text: string) => string): Promise<void>
}

const LOYALTY = `  loyalty-points:
    version: ^1.0.0
    permissions: { hooks: [order.placed, order.refunded, schedule.daily] }
    config: { currency: EUR }
`

/** An upgrade that changes tables, and the rollback that changes them back: rows are never left behind. */
export async function upgradeAndBack({ world, registry, dir, edit }: Scene, { chapter, say, catalyst }: Narrator): Promise<void> {
  chapter('A plugin with tables: the upgrade changes them, the rollback changes them back')
  say('In git the operator says that 2.1.1 of stripe-payments shall not come back, and adds a plugin that keeps tables:')
  await edit((text) => text.replace('  stripe-payments:                     # cards\n', '$&    reject: [2.1.1]\n'))
  await registry.index.list([await world.release('loyalty-points', '1.1.0')])
  await edit((text) => text.replace(/^plugins:\n/m, `plugins:\n${LOYALTY}`))
  await catalyst('lock')
  await catalyst('apply')
  collect(dir)
  say(`Customers collect points: ${look(dir)}`)
  say('Version 2.0.0 renames a column that running code uses, so it asks before it is taken:')
  await registry.index.list([await world.release('loyalty-points', '2.0.0')])
  await edit((text) => text.replace('loyalty-points:\n    version: ^1.0.0', 'loyalty-points:\n    version: ^2.0.0'))
  await catalyst('lock')
  const asked = await catalyst('plan', { exit: 3 })
  say('\nThe operator consents to exactly this release, by pasting:')
  await edit((text) => `${text}${consentIn(asked)}\n`)
  await catalyst('apply')
  say(`In the table: ${look(dir)}`)
  say('Something is wrong with it, and it is late:')
  await catalyst('rollback loyalty-points')
  say(`In the table: ${look(dir)}`)
}

/** A plugin leaves; its tables stay until a person answers, and are found again when it comes back. */
export async function removeAndReturn({ dir, edit }: Scene, { chapter, say, catalyst }: Narrator): Promise<void> {
  chapter('A plugin goes; what it knew stays until somebody answers')
  await edit((text) => withoutLoyalty(text))
  await catalyst('lock')
  await catalyst('plan')
  await catalyst('apply')
  say('Nobody had to answer at once, and nothing waited for it. The answer may come in git, at a terminal, or like this:')
  await catalyst('apply --answer loyalty-points:tables=keep')
  await catalyst('status')
  say('Half a year later they want it back:')
  await edit((text) => text.replace(/^plugins:\n/m, `plugins:\n${LOYALTY}`))
  await catalyst('lock')
  await catalyst('apply')
  say(`In the table: ${look(dir)}`)
}

function withoutLoyalty(text: string): string {
  return text.replace(/ {2}loyalty-points:\n(?: {4}.*\n)+/, '').replace(/^approvals:\n(?: {2}.*\n)+/m, '')
}

function consentIn(plan: string): string {
  const lines = plan.split('\n').map((line) => line.replace(/^ {4}/, ''))
  const from = lines.indexOf('approvals:')
  if (from < 0) throw new Error('the story consents, and the plan asks for nothing')
  return lines.slice(from, from + 2).join('\n')
}

/** Two customers, as the plugin itself writes them. */
function collect(dir: string): void {
  inStore(dir, (db) => {
    db.exec(`INSERT INTO plg_loyalty_points__accounts (customer_id, email, created_at, tier) VALUES ('ada', 'ada@example.com', '2026-11-01', 'gold'), ('bob', 'bob@example.com', '2026-11-02', 'basic')`)
    db.exec(`INSERT INTO plg_loyalty_points__journal (customer_id, sequence, kind, order_id, amount, at) VALUES ('ada', 1, 'earn', 'o-1001', 8900, '2026-11-03'), ('bob', 1, 'earn', 'o-1002', 4200, '2026-11-04')`)
    db.exec(`INSERT INTO plg_loyalty_points__postings (customer_id, sequence, account, points) VALUES ('ada', 1, 'customer', 89), ('ada', 1, 'issued', -89), ('bob', 1, 'customer', 42), ('bob', 1, 'issued', -42)`)
  })
}

/** `journal has ada order_id=o-1001, bob order_id=o-1002; 131 points`. */
function look(dir: string): string {
  return inStore(dir, (db) => {
    const journal = db.prepare('SELECT * FROM plg_loyalty_points__journal ORDER BY customer_id').all()
    const column = journal[0] && 'reference' in journal[0] ? 'reference' : 'order_id'
    const points = db.prepare(`SELECT sum(points) AS points FROM plg_loyalty_points__postings WHERE account = 'customer'`).get()
    return `${journal.map((row) => `${String(row['customer_id'])} ${column}=${String(row[column])}`).join(', ')}; ${String(points?.['points'])} points`
  })
}

function inStore<T>(dir: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(join(dir, 'store.db'))
  try {
    return work(db)
  } finally {
    db.close()
  }
}
