import type { DataRollback } from '../../reconciler/plan/data-rollback.ts'
import { printable } from '../../schemas/printable.ts'
import { safe, type Paint } from '../terminal.ts'

const WORDS: Record<DataRollback['kind'], string> = {
  'code-only': 'code only',
  forward: 'code, and migrations forward',
  down: 'code, and migrations back',
  restore: 'code, and a backup in place of its tables',
  impossible: 'no way back for its tables',
}

/** What a rollback does to each plugin's data, one paragraph each; what needs consent says how to give it. */
export function renderDataRollback(decisions: readonly DataRollback[], paint: Paint): string {
  return decisions.map((decision) => one(decision, paint)).join('\n')
}

function one({ id, kind, why, approved, accept, hint }: DataRollback, paint: Paint): string {
  const mark = approved ? paint('change', '~') : paint('bad', '!')
  const head = `${mark} ${paint('strong', id)}  ${WORDS[kind]}: ${safe(why)}`
  const consented = approved && accept !== undefined ? [`    approved in plugins.yaml: ${accept}`] : []
  const wanted = approved || hint === undefined ? [] : printable(hint, { newlines: true }).split('\n').map((line) => `    ${line}`)
  return [head, ...consented, ...wanted].join('\n')
}
