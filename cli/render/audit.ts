import type { Digest } from '../../schemas/digest.ts'
import type { AuditRecord } from '../../reconciler/ports.ts'
import { safe, type Paint } from '../terminal.ts'

/** Audit records for people, one line each, and what is known of the chain. `proven` is how many records were proven, undefined when nobody asked or it does not hold. */
export function renderAudit(records: readonly AuditRecord[], chain: { readonly head: Digest | undefined; readonly proven: number | undefined }, paint: Paint): string {
  const width = String(records.at(-1)?.sequence ?? 0).length
  const events = Math.max(0, ...records.map((r) => r.event.length))
  const lines = records.map((r) => `${String(r.sequence).padStart(width)}  ${safe(r.at)}  ${safe(r.event).padEnd(events)}  ${paint('strong', safe(r.id ?? '-'))}${detailsText(r)}  ${paint('quiet', `by ${safe(r.by)}`)}`)
  return [...lines, ...(lines.length > 0 ? [''] : []), ...chainLines(chain)].join('\n')
}

function chainLines({ head, proven }: { readonly head: Digest | undefined; readonly proven: number | undefined }): readonly string[] {
  if (head === undefined) return ['Nothing was ever recorded here.']
  const holds = proven === undefined ? [] : [`The chain holds: ${proven} record${proven === 1 ? '' : 's'} from the first to the last.`]
  return [...holds, `Head: ${head}`]
}

/** `2.1.0 -> 2.1.1`, and what else a reader asks first. */
function detailsText({ details }: AuditRecord): string {
  const [from, to] = [versionIn(details['from']), versionIn(details['to'])]
  const versions = from !== undefined && to !== undefined && from !== to ? `${from} -> ${to}` : (to ?? from)
  const generation = details['generation']
  const parts = [versions, typeof generation === 'number' ? `generation ${generation}` : undefined, details['interrupted'] === true ? 'interrupted' : undefined, ...dataTexts(details)]
  return parts.map((part) => (part === undefined ? '' : `  ${safe(part)}`)).join('')
}

/** Which class of a removed plugin's things it was about, what was answered, how much went, and into or from which backup. */
function dataTexts(details: AuditRecord['details']): readonly string[] {
  const text = (key: string): string | undefined => (typeof details[key] === 'string' ? details[key] : undefined)
  const count = (key: string): readonly string[] => (typeof details[key] === 'number' ? [`${details[key]} ${key}`] : [])
  const [about, answer, backup] = [text('class'), text('answer'), text('backup')]
  return [...(about === undefined ? [] : [answer === undefined ? about : `${about}: ${answer}`]), ...count('rows'), ...count('files'), ...(backup === undefined ? [] : [backup])]
}

function versionIn(side: unknown): string | undefined {
  const version = (side as { version?: unknown } | null | undefined)?.version
  return typeof version === 'string' ? version : undefined
}
