import { NO_PERMISSIONS, permissionExcess, type Permissions } from '../../schemas/permissions.ts'
import { safe } from '../terminal.ts'

const WORDS: Record<keyof Permissions, string> = {
  database: 'tables of the store',
  api: 'network',
  filesystem: 'files',
  hooks: 'events',
  admin: 'admin pages',
}

/** What is asked for, one line each: `  network               api.stripe.com:443`. */
export function permissionLines(permissions: Permissions): readonly string[] {
  return permissionExcess(permissions, NO_PERMISSIONS).map(({ kind, what }) => `  ${WORDS[kind].padEnd(20)} ${safe(what)}`)
}
