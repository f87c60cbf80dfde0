import type { BackupRef } from '../../reconciler/data-ports.ts'
import { bytesText, counted } from '../../reconciler/plan/amounts.ts'
import { safe, type Paint } from '../terminal.ts'

/** One backup: its name, of which version, when, how much, and why it was made. */
export function backupLine({ name, version, at, rows, bytes, reason }: BackupRef, paint: Paint): string {
  return `${paint('strong', safe(name))}  ${safe(version)}  ${safe(at)}  ${counted(rows, 'row')}, ${bytesText(bytes)}  ${paint('quiet', safe(reason))}`
}
