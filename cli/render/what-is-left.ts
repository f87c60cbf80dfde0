import { DATA_CLASSES, type ClassState, type DataClass, type Removal } from '../../reconciler/data-ports.ts'
import { bytesText, counted } from '../../reconciler/plan/amounts.ts'
import { minuteOf } from '../../reconciler/plan/removal-words.ts'
import { isPurged } from '../../reconciler/plan/retained.ts'
import type { RetainedRecord } from '../../reconciler/ports.ts'
import type { Holdings } from '../../schemas/plan-data.ts'
import type { Row } from './removal.ts'

/** What is left of a plugin that is gone, and what becomes of it, as it is recorded. `holdings` is what is there now, where that is known. */
export function leftRows({ removal }: RetainedRecord, holdings: Holdings = {}): readonly Row[] {
  const amounts = { ...recordedHoldings(removal), ...holdings }
  const code = removal?.code === 'removed' ? [] : [{ fate: KEPT, what: 'code' }]
  const classes = DATA_CLASSES.map((key) => ({ fate: fateOf(removal?.classes[key]), what: `${key}${removal?.classes[key].state === 'purged' ? '' : amountText(key, amounts)}` }))
  const told = Map.groupBy([...code, ...classes], ({ fate: [name, when] }) => JSON.stringify([name, when]))
  return [...told].map(([fate, of]): Row => {
    const [name, when] = JSON.parse(fate) as Row
    return [name, `${of.map(({ what }) => what).join(', ')}${when}`]
  })
}

/** What `status` says of a plugin that is gone, on one line. */
export function retainedText(record: RetainedRecord, holdings: Holdings = {}): string {
  const { removedAt, removal } = record
  const gone = `removed ${minuteOf(removedAt)}${removal === undefined || removal.by === '' ? '' : ` by ${removal.by}`}`
  return [gone, ...leftRows(record, holdings).map((row) => row.join(' '))].join('; ')
}

/** The command that answers what is asked about a removed plugin; undefined when nothing is, or nothing is left. */
export function answerCommand(record: RetainedRecord): string | undefined {
  const asked = DATA_CLASSES.filter((key) => record.removal?.classes[key].state === 'awaiting')
  if (asked.length === 0 || isPurged(record)) return undefined
  return `catalyst apply ${asked.map((key) => `--answer ${record.id}:${key}=keep`).join(' ')}   # or =remove`
}

const KEPT: Row = ['keeps', '']

function fateOf(state: ClassState | undefined): Row {
  if (state?.state === 'purged') return ['destroyed', ` ${minuteOf(state.at)}${state.by === '' ? '' : ` by ${state.by}`}`]
  if (state?.state === 'quarantined') return ['sets aside', ` until ${minuteOf(state.purgeAt)}, then destroyed`]
  return state?.state === 'awaiting' ? ['asks', ': kept until somebody answers'] : KEPT
}

function recordedHoldings(removal: Removal | undefined): Holdings {
  const tables = removal?.inventory?.tables
  const sum = (of: 'rows' | 'bytes'): number => (tables ?? []).reduce((total, table) => total + table[of], 0)
  return { ...(tables ? { tables: { count: tables.length, rows: sum('rows'), bytes: sum('bytes') } } : {}), ...(removal?.data ? { data: removal.data } : {}) }
}

function amountText(key: DataClass, { tables, data }: Holdings): string {
  if (key === 'tables' && tables) return tables.count === 0 ? ' (none)' : ` (${tables.count}: ${counted(tables.rows, 'row')}, ${bytesText(tables.bytes)})`
  return key === 'data' && data ? (data.files === 0 ? ' (no files)' : ` (${counted(data.files, 'file')}, ${bytesText(data.bytes)})`) : ''
}
