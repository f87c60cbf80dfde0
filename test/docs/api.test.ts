import { expect, test } from 'vitest'
import { API_ROUTES } from '../../api/app.ts'
import { SCOPES } from '../../api/auth/scopes.ts'
import { API_PROBLEMS } from '../../schemas/api-problems.ts'
import { page } from './blocks.ts'

/* docs/api.md tells every route, scope and code, as they are. */

const rows = (heading: string): readonly string[] => {
  const section = page('docs/api.md').text.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section.split('\n').filter((line) => line.startsWith('| `'))
}

test('every route, and no other', () => expect(rows('The API')).toEqual(API_ROUTES.map(({ method, path, summary, scope }) => `| \`${method} ${path}\` | ${summary} | ${scope ? `\`${scope}\`` : ''} |`)))

test('every scope', () => expect(rows('Who may')).toEqual(Object.entries(SCOPES).map(([scope, what]) => `| \`${scope}\` | ${what} |`)))

test('every problem', () => expect(rows('Problems')).toEqual(Object.entries(API_PROBLEMS).map(([code, { status, hint }]) => `| \`${code}\` | ${status} | ${hint} |`)))
