import { readMigrations } from '../migrations.ts'
import type { Rule } from '../rule.ts'

export const migrationFiles: Rule = {
  id: 'migration-files',
  severity: 'error',
  title: 'Each migration of manifest.json has its files, and no others are packed.',
  hint: 'Write the migrations as docs/formats.md says, and list their ids in manifest.json in the order they run.',
  check: (pkg) => readMigrations(pkg).reports,
}
