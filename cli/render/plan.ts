import type { Blocked, Change, Notice, Plan } from '../../schemas/plan.ts'
import { printable } from '../../schemas/printable.ts'
import { upgradeLevel } from '../../schemas/versions.ts'
import { safe, type Paint, type Tone } from '../terminal.ts'
import { isEmpty } from '../../reconciler/plan/removal-words.ts'
import { dataRows, type Row } from './removal.ts'
import { plugins, signerShown } from './words.ts'

const SYMBOL: Record<Change['action'], readonly [string, Tone]> = {
  install: ['+', 'good'],
  upgrade: ['~', 'change'],
  downgrade: ['~', 'change'],
  configure: ['~', 'change'],
  move: ['~', 'change'],
  repair: ['~', 'change'],
  reattach: ['+', 'good'],
  remove: ['-', 'bad'],
  purge: ['-', 'bad'],
}

const VERB: Record<Change['action'], string> = {
  install: 'install',
  upgrade: 'upgrade',
  downgrade: 'downgrade',
  configure: 'configure',
  move: 'move',
  repair: 'repair',
  reattach: 'reattach',
  remove: 'remove',
  purge: 'purge',
}

/** A plan for people: Terraform's symbols, per change what and why, and one summary line that grep finds. */
export function renderPlan(plan: Plan, paint: Paint): string {
  const parts = [
    ...plan.changes.map((change) => renderChange(change, paint)),
    ...alike(plan.blocked).map((blocked) => renderBlocked(blocked, paint)),
    ...plan.notices.map((notice) => renderNotice(notice, paint)),
  ]
  return [...parts, planSummary(plan)].join('\n\n')
}

/** `Plan: 1 to install, 2 to upgrade, 0 to remove; 1 blocked, 4 unchanged. sha256:…` */
export function planSummary(plan: Plan): string {
  const waiting = plan.blocked.length > 0 ? `; ${plan.blocked.length} blocked` : ''
  if (plan.changes.length === 0) return `No changes${waiting}. ${plugins(plan.unchanged)} as wanted.`
  const count = (...actions: readonly Change['action'][]): number => plan.changes.filter((c) => actions.includes(c.action)).length
  const kinds = [
    `${count('install', 'reattach')} to install`,
    `${count('upgrade', 'downgrade')} to change version`,
    `${count('configure', 'move', 'repair')} to adjust`,
    `${count('remove')} to remove`,
    ...(count('purge') > 0 ? [`${count('purge')} to purge`] : []),
  ]
  return `Plan: ${kinds.join(', ')}${waiting}; ${plan.unchanged} unchanged.\nDigest: ${plan.planDigest}`
}

function renderChange(change: Change, paint: Paint): string {
  const [symbol, tone] = SYMBOL[change.action]
  const head = `${paint(tone, symbol)} ${paint('strong', change.id)} ${versions(change)}  ${paint('quiet', `${VERB[change.action]}: ${safe(change.reason)}`)}`
  const rows = details(change).map(([name, text]) => `    ${paint('quiet', name.padEnd(12))} ${safe(text)}`)
  const flags = answerFlags(change)
  const answer = change.effects.answer === undefined ? [] : [`    ${paint('quiet', 'answer in plugins.yaml:')}`, ...indent(change.effects.answer), ...(flags === '' ? [] : [`    ${paint('quiet', `or with it: catalyst apply ${flags}`)}`])]
  return [head, ...rows, ...answer].join('\n')
}

/** The same answer for a command line, where git is not the place for it. */
function answerFlags({ id, effects: { asks = [], holdings = {} } }: Change): string {
  return asks.filter((key) => !isEmpty(key, holdings)).map((key) => `--answer ${id}:${key}=keep`).join(' ')
}

function versions({ from, to, removed }: Change): string {
  if (!from) return to?.version ?? removed?.version ?? ''
  if (!to || from.version === to.version) return from.version
  const level = upgradeLevel(from.version, to.version)
  return `${from.version} -> ${to.version}${level === 'major' ? ' (major)' : ''}`
}

function details(change: Change): readonly (readonly [string, string])[] {
  const { effects, to, from } = change
  const rows: Row[] = []
  const release = from?.tree !== to?.tree
  if (to && release) rows.push(['signed by', signerShown(to.signer)])
  if (to && release && (!from || from.source !== to.source)) rows.push(['from', to.source])
  if (effects.permissionsAdded.length > 0) rows.push(['may now', effects.permissionsAdded.join(', ')])
  if (effects.permissionsDropped.length > 0 && to) rows.push(['no longer', effects.permissionsDropped.join(', ')])
  for (const m of effects.migrations) rows.push(['migration', `${m.id} (${m.kind}, ${m.down ? 'reversible' : 'no way back'})`])
  rows.push(...dataRows(change))
  for (const note of effects.notes) rows.push(['note', note])
  return rows
}

/** What one answer settles is asked once: forty removals for the same reason are one paragraph. */
function alike(blocked: readonly Blocked[]): readonly (readonly [Blocked, ...Blocked[]])[] {
  return [...Map.groupBy(blocked, ({ id: _id, ...rest }) => JSON.stringify(rest)).values()] as [Blocked, ...Blocked[]][]
}

function renderBlocked(together: readonly [Blocked, ...Blocked[]], paint: Paint): string {
  const [blocked] = together
  const to = blocked.to ? ` ${blocked.to}` : ''
  const needs = blocked.needs ?? []
  const reason = needs.length > 0 ? 'write the consent below, or reject this version' : safe(blocked.reason)
  const head = `${paint('bad', '!')} ${paint('strong', together.map(({ id }) => id).join(', '))}${to}  ${paint('quiet', `${VERB[blocked.action]} blocked (${blocked.code}): ${reason}`)}`
  return [head, ...needs.map(({ accept, why }) => `    ${paint('quiet', accept.padEnd(12))} ${safe(why)}`), ...indent(blocked.hint)].join('\n')
}

function renderNotice(notice: Notice, paint: Paint): string {
  const head = `${paint('change', '?')} ${paint('strong', notice.id)}  ${paint('quiet', `${notice.code}: ${safe(notice.message)}`)}`
  return [head, ...indent(notice.hint ?? '')].join('\n')
}

function indent(text: string): readonly string[] {
  return text === '' ? [] : printable(text, { newlines: true }).split('\n').map((line) => `    ${line}`)
}
