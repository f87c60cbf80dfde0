import type { ApplyResult } from '../../reconciler/apply/apply.ts'
import type { ChangeOutcome } from '../../reconciler/apply/settle.ts'
import type { Change, Plan } from '../../schemas/plan.ts'
import { safe, type Paint } from '../terminal.ts'
import { backupOf, type AfterApply } from '../after-apply.ts'
import { renderPlan } from './plan.ts'
import { doneText, type Row } from './removal.ts'
import { answerCommand, leftRows } from './what-is-left.ts'

/** What apply did, for people. `diffs` tells how repaired files differed, by plugin; `after` is what was recorded. */
export function renderApplied(decided: Plan, result: ApplyResult, paint: Paint, { diffs = new Map(), after }: { readonly diffs?: ReadonlyMap<string, string>; readonly after?: AfterApply | undefined } = {}): string {
  const changes = new Map(decided.changes.map((change) => [change.id, change]))
  // What a change left open is told with it.
  const told = new Set(result.outcomes.filter((o) => o.outcome === 'applied' && after?.retained.has(o.id)).map((o) => o.id))
  const notices = decided.notices.filter(({ id, code }) => code !== 'DecisionRequired' || !told.has(id))
  const waiting = renderPlan({ ...decided, changes: [], notices }, paint).split('\n\n').slice(0, -1)
  const lines = [
    ...(result.recovered ? [paint('change', 'An interrupted apply was found and finished or undone.')] : []),
    ...result.outcomes.flatMap((outcome) => [outcomeLine(outcome, after, doneWords(outcome, changes.get(outcome.id), after), paint), ...dataLines(outcome, changes.get(outcome.id), after, paint), ...diffLines(diffs.get(outcome.id), paint)]),
    ...waiting,
  ]
  return [...lines, ...(lines.length > 0 ? [''] : []), summary(result)].join('\n')
}

function summary({ outcomes, generation, activated, auditHead }: ApplyResult): string {
  const count = (outcome: ChangeOutcome['outcome']): number => outcomes.filter((o) => o.outcome === outcome).length
  const head = auditHead ? ` Audit head ${auditHead.slice(0, 19)}…` : ''
  const where = generation === undefined ? 'Nothing is live.' : activated ? `Generation ${generation} is live.` : `Generation ${generation} stays live.`
  if (outcomes.length === 0) return `No changes. ${where}`
  const parts = [`${count('applied')} applied`, ...(count('failed') > 0 ? [`${count('failed')} failed`] : []), ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : [])]
  return `${parts.join(', ')}. ${where}${head}`
}

const DIFF_LINES = 20

/** The beginning of what differed; the whole of it lies in the quarantine. */
function diffLines(diff: string | undefined, paint: Paint): readonly string[] {
  const lines = diff?.trimEnd().split('\n').filter((line) => line !== '') ?? []
  const more = lines.length > DIFF_LINES ? [paint('quiet', `    and ${lines.length - DIFF_LINES} more lines in altered.diff there`)] : []
  return [...lines.slice(0, DIFF_LINES).map((line) => `    ${paint(line.startsWith('+') ? 'bad' : line.startsWith('-') ? 'good' : 'quiet', safe(line))}`), ...more]
}

function doneWords({ id, action }: ChangeOutcome, change: Change | undefined, after: AfterApply | undefined): string {
  if (change?.removed && action === 'remove') return 'decided'
  if (change?.removed && action === 'configure') return 'decided'
  return after?.retained.has(id) ? DONE[action] : (doneText(change) ?? DONE[action])
}

/** What was done to things that outlive code: of a plugin that is gone what is left of it, of others what ran and what was backed up. */
function dataLines({ id, outcome }: ChangeOutcome, change: Change | undefined, after: AfterApply | undefined, paint: Paint): readonly string[] {
  if (!after || !change || outcome !== 'applied') return []
  const gone = after.retained.get(id)
  const ran = change.effects.migrations.map((m) => m.id)
  const command = gone && answerCommand(gone)
  const backup = backupOf(change, after)
  const rows: readonly Row[] = [
    ...(ran.length > 0 ? [['ran', ran.join(', ')] as const] : []),
    ...(gone ? leftRows(gone, change.effects.holdings) : []),
    ...(command === undefined ? [] : [['to answer', command] as const]),
    ...(backup === undefined ? [] : [['backup', `${backup}, read back`] as const]),
  ]
  return rows.map(([name, text]) => `    ${paint('quiet', name.padEnd(12))} ${safe(text)}`)
}

/** What is live of a plugin whose change failed: what is recorded tells, where somebody looked. */
function stillLive({ id, from }: ChangeOutcome, after: AfterApply | undefined): string {
  const record = after?.installs.get(id)
  if (!after) return from ? `; ${from} stays live` : ''
  if (!record) return ''
  return record.enabled ? `; ${record.block.version} ${record.block.version === from ? 'stays' : 'is'} live` : `; ${record.block.version} is switched off`
}

function outcomeLine(o: ChangeOutcome, after: AfterApply | undefined, done: string, paint: Paint): string {
  const name = paint('strong', o.id)
  const versions = o.from && o.to && o.from !== o.to ? `${o.from} -> ${o.to}` : (o.to ?? o.from ?? '')
  if (o.outcome === 'applied') return `${paint('good', '✓')} ${name} ${versions}  ${safe(done)}${o.quarantine ? `; the altered files are in ${safe(o.quarantine)}` : ''}`
  if (o.outcome === 'skipped') return `${paint('quiet', '-')} ${name} ${versions}  not touched, because ${o.because} failed and they belong together`
  return `${paint('bad', '✗')} ${name} ${versions}  ${safe(o.error?.message ?? 'failed')}${stillLive(o, after)}`
}

const DONE: Record<ChangeOutcome['action'], string> = {
  install: 'installed, verified, live',
  upgrade: 'upgraded',
  downgrade: 'set back',
  configure: 'configured',
  move: 'moved',
  remove: 'removed',
  repair: 'repaired',
  reattach: 'attached again',
  purge: 'purged',
}
