import type { Holdings } from '../../schemas/plan-data.ts'
import type { Removal } from '../data-ports.ts'
import type { ObservedState } from './observed.ts'

/** How much a plugin owns, by what was looked at; what was recorded at its removal stands in where nobody looked since. Pure. */
export function holdingsOf(id: string, observed: ObservedState, removal?: Removal): Holdings {
  const inventory = observed.inventories?.get(id) ?? removal?.inventory
  const data = observed.dataFolders?.get(id) ?? removal?.data
  return {
    ...(inventory ? { tables: { count: inventory.tables.length, rows: sum(inventory.tables.map((t) => t.rows)), bytes: sum(inventory.tables.map((t) => t.bytes)) } } : {}),
    ...(data ? { data: { files: data.files, bytes: data.bytes } } : {}),
  }
}

/** `2 tables with 1,204 rows, 96 kB`, or `tables` where nobody looked. */
export function tablesText({ tables }: Holdings): string {
  if (!tables) return 'tables'
  if (tables.count === 0) return 'no tables'
  return `${counted(tables.count, 'table')} with ${counted(tables.rows, 'row')}, ${bytesText(tables.bytes)}`
}

/** `3 files, 12 kB`, or `data` where nobody looked. */
export function dataText({ data }: Holdings): string {
  if (!data) return 'data'
  if (data.files === 0) return 'no data files'
  return `${counted(data.files, 'data file')}, ${bytesText(data.bytes)}`
}

/** `1 row`, `1,204 rows`. */
export function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes as people read them, in powers of ten: `999 bytes`, `96 kB`, `1.2 GB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'byte')
  const power = Math.min(UNITS.length, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)} ${UNITS[power - 1]}`
}

/** Commas between thousands, on every machine and in every locale. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}
