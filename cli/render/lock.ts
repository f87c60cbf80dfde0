import type { LockChange, LockOutcome } from '../../reconciler/lock/lock.ts'
import { printable } from '../../schemas/printable.ts'
import { compareVersions } from '../../schemas/versions.ts'
import { signerText } from '../../reconciler/plan/sides.ts'
import { safe, type Paint } from '../terminal.ts'
import { plugins, signerShown } from './words.ts'

/** What `lock` did, for people. */
export function renderLock(outcome: LockOutcome, file: { readonly written: boolean; readonly path: string }, paint: Paint): string {
  const lines = [
    ...outcome.changes.flatMap((change) => changeLines(change, paint)),
    ...outcome.keptBack.flatMap(({ id, versions }) =>
      versions.slice(0, 3).map((v) => `${paint('change', '=')} ${id} ${v.version} is kept back: ${safe(v.detail)}${v.until ? ` (until ${v.until})` : ''}`),
    ),
    ...outcome.notices.map((n) => `${paint('change', '?')} ${n.id}: ${safe(n.message)}`),
    ...outcome.findings.map(({ id, problem }) => `${paint('change', '·')} ${id} ${problem.place ? `${safe(problem.place.file)}:${problem.place.line ?? 1} ` : ''}${safe(problem.message)}`),
    ...waitingLines(outcome.waiting, paint),
  ]
  const total = Object.keys(outcome.lock.plugins).length
  const summary = file.written ? `Wrote ${file.path}: ${plugins(total)}, ${outcome.changes.length} changed.` : `${file.path} is up to date: ${plugins(total)}.`
  return [...lines, ...(lines.length > 0 ? [''] : []), summary].join('\n')
}

/** What waits for a person, with what to write. */
export function waitingLines(waiting: LockOutcome['waiting'], paint: Paint): readonly string[] {
  return waiting.flatMap((w) => [`${paint('bad', '!')} ${paint('strong', w.id)} waits (${w.code}): ${safe(w.message)}`, ...indent(w.hint)])
}

/** What `lock` did, for machines. */
export function lockJson(outcome: LockOutcome, written: boolean): unknown {
  return {
    written,
    changes: outcome.changes.map(({ id, from, to }) => ({ id, from: from?.version ?? null, to: to?.version ?? null, entryDigest: to?.entryDigest ?? null })),
    keptBack: outcome.keptBack,
    waiting: outcome.waiting.map(({ id, code, message, hint, candidate }) => ({ id, code, message, write: hint, version: candidate?.version ?? null })),
    notices: outcome.notices,
    findings: outcome.findings,
  }
}

function changeLines({ id, from, to }: LockChange, paint: Paint): readonly string[] {
  if (!to) return [`${paint('bad', '-')} ${paint('strong', id)} ${from?.version ?? ''}`]
  const proof = paint('quiet', to.signer.kind === 'unsigned' ? 'not signed' : `signed by ${signerShown(signerText(to))}`)
  if (!from) return [`${paint('good', '+')} ${paint('strong', id)} ${to.version}  ${proof}`]
  const arrow = from.version === to.version ? to.version : `${from.version} ${compareVersions(from.version, to.version) < 0 ? '->' : '-> (older)'} ${to.version}`
  return [`${paint('change', '~')} ${paint('strong', id)} ${arrow}  ${proof}`]
}

function indent(text: string): readonly string[] {
  return printable(text, { newlines: true }).split('\n').map((line) => `    ${line}`)
}
