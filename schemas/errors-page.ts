import { writeFileSync } from 'node:fs'
import { ERRORS } from './errors.ts'

const RETRY = {
  never: 'not by itself',
  backoff: 'by itself, after a pause',
  'next-pass': 'by itself, on the next pass',
  decision: 'when a person has decided in git',
} as const

/** The page that lists every code: made from the table, so that it cannot say something else. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, row]) => `| \`${code}\` | ${row.exit} | ${RETRY[row.retry]} | ${row.hint.replaceAll('|', '\\|')} |`)
  return [
    '# Error codes',
    '',
    'Made from `schemas/errors.ts` by `npm run schemas`. The exit code is what the process ends with when this is the worst that happened;',
    'when several happened the order is 1 > 7 > 4 > 5 > 3 > 6 > 2 > 0. No error removes anything.',
    '',
    '| code | exit | tried again | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

if (import.meta.main) writeFileSync(new URL('../docs/errors.md', import.meta.url), errorsPage())
