import type { Problem } from '../../schemas/errors.ts'
import type { Digest } from '../../schemas/digest.ts'
import type { AuditRecord } from '../../reconciler/ports.ts'
import { brokenAudit } from '../../reconciler/store-db/audit-check.ts'
import type { Command } from '../command.ts'
import { renderAudit } from '../render/audit.ts'

export interface AuditArgs {
  readonly limit?: number
  readonly verify?: boolean
  /** A head that the reader kept: it must be in the chain. Implies `verify`. */
  readonly head?: Digest
}

const DEFAULT_LIMIT = 20

/**
 * `catalyst audit [--limit N] [--verify] [--head sha256:…]`: who changed what and when, the newest last. With `--verify` the
 * chain is computed anew from the first record (exit 5 when it does not hold).
 */
export const auditCommand: Command<AuditArgs> = async ({ house, paint }, { limit = DEFAULT_LIMIT, verify = false, head }) => {
  const proving = verify || head !== undefined
  const { desired } = await house.files.readDesired()
  const records = await house.withState(desired, { readOnly: true }, (state) => state.audit({ limit: proving ? Number.MAX_SAFE_INTEGER : Math.max(limit, 1) }))
  const broken = proving ? brokenAudit(records, head) : undefined
  const shown = limit === 0 ? [] : records.slice(-limit)
  const problems: Problem[] = broken ? [{ code: 'AUDIT_BROKEN', message: broken.message }] : []
  return {
    exit: 0,
    text: renderAudit(shown, { head: records.at(-1)?.chain, proven: proving && !broken ? records.length : undefined }, paint),
    result: { records: shown.map(recordJson), head: records.at(-1)?.chain ?? null, verified: proving ? !broken : null, broken: broken ? { kind: broken.kind, sequence: broken.sequence } : null },
    problems,
  }
}

function recordJson({ id, ...record }: AuditRecord): unknown {
  return { ...record, id: id ?? null }
}
