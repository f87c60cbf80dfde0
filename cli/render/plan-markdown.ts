import type { Blocked, Change, Plan } from '../../schemas/plan.ts'
import { safe } from '../terminal.ts'
import { planSummary } from './plan.ts'
import { dataRows } from './removal.ts'

/** A plan as GitHub-flavoured Markdown for a job summary or a pull request. Foreign text stands in code spans only. */
export function planMarkdown(plan: Plan): string {
  const parts = [
    `### Plugin plan for \`${plan.store}\``,
    ...(plan.changes.length > 0 ? [table(plan.changes)] : []),
    ...plan.changes.flatMap(({ id, effects: { answer } }) => (answer === undefined ? [] : [`${code(id)} asks; answer in plugins.yaml:\n\n${fence(answer)}`])),
    ...plan.blocked.map(blockedPart),
    ...plan.notices.map((n) => `> [!NOTE]\n> ${code(n.message)}${n.hint ? `\n\n${fence(n.hint)}` : ''}`),
    planSummary(plan).replace(/\n/g, '  \n'),
  ]
  return parts.join('\n\n')
}

function blockedPart({ id, to, reason, needs = [], hint }: Blocked): string {
  const why = needs.length > 0 ? ` until somebody consents:\n${needs.map((need) => `> - **${need.accept}** ${code(need.why)}`).join('\n')}` : `: ${code(reason)}`
  return `> [!WARNING]\n> **${id}** ${to ?? ''} is blocked${why}\n\n${fence(hint)}`
}

/** A remark under a plan; what it names may come from anywhere. */
export function markdownNote(note: string): string {
  return `<sub>${safe(note).replace(/[&<>`*_[\]|\\]/g, (c) => `&#${c.charCodeAt(0)};`)}</sub>`
}

function table(changes: readonly Change[]): string {
  const rows = changes.map((c) => `| ${c.action} | ${code(c.id)} | ${c.from?.version ?? ''} | ${c.to?.version ?? ''} | ${effects(c)} |`)
  return ['| action | plugin | from | to | effects |', '|---|---|---|---|---|', ...rows].join('\n')
}

/** What nobody may overlook in a pull request. */
const LOUD: ReadonlySet<string> = new Set(['destroys', 'sets aside'])

function effects(change: Change): string {
  const { effects: e } = change
  return [
    ...e.permissionsAdded.map((p) => `may now ${code(p)}`),
    ...e.migrations.map((m) => `migration ${code(m.id)} (${m.kind})`),
    ...dataRows(change).map(([name, text]) => (LOUD.has(name) ? `**${name}** ${code(text)}` : `${name} ${code(text)}`)),
    ...e.notes.map(code),
  ].join('<br>')
}

function code(text: string): string {
  return `\`${safe(text).replaceAll('`', "'").replaceAll('|', '\\|')}\``
}

/** YAML to paste, or a sentence that tells what to do. */
function fence(text: string): string {
  const language = /^[a-z][\w-]*:(\s|$)/.test(text) ? 'yaml' : 'text'
  return `\`\`\`${language}\n${text.split('\n').map(safe).join('\n').replaceAll('```', "'''")}\n\`\`\``
}
