import type { ApplyResult } from '../../reconciler/apply/apply.ts'
import type { ChangeOutcome } from '../../reconciler/apply/settle.ts'
import type { Plan } from '../../schemas/plan.ts'
import { safe, type Paint } from '../terminal.ts'
import { renderPlan } from './plan.ts'
import { doneText } from './removal.ts'

/** What apply did, for people. `diffs` tells how repaired files differed, by plugin. */
export function renderApplied(decided: Plan, result: ApplyResult, paint: Paint, diffs: ReadonlyMap<string, string> = new Map()): string {
  const changes = new Map(decided.changes.map((change) => [change.id, change]))
  const waiting = renderPlan({ ...decided, changes: [] }, paint).split('\n\n').slice(0, -1)
  const lines = [
    ...(result.recovered ? [paint('change', 'An interrupted apply was found and finished or undone.')] : []),
    ...result.outcomes.flatMap((outcome) => [outcomeLine(outcome, doneText(changes.get(outcome.id)) ?? DONE[outcome.action], paint), ...diffLines(diffs.get(outcome.id), paint)]),
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

function outcomeLine(o: ChangeOutcome, done: string, paint: Paint): string {
  const name = paint('strong', o.id)
  const versions = o.from && o.to && o.from !== o.to ? `${o.from} -> ${o.to}` : (o.to ?? o.from ?? '')
  if (o.outcome === 'applied') return `${paint('good', '✓')} ${name} ${versions}  ${safe(done)}${o.quarantine ? `; the altered files are in ${safe(o.quarantine)}` : ''}`
  if (o.outcome === 'skipped') return `${paint('quiet', '-')} ${name} ${versions}  not touched, because ${o.because} failed and they belong together`
  return `${paint('bad', '✗')} ${name} ${versions}  ${safe(o.error?.message ?? 'failed')}${o.from ? `; ${o.from} stays live` : ''}`
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
