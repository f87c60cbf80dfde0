import type { LockBlock } from '../../schemas/lock.ts'
import type { Blocked } from '../../schemas/plan.ts'
import type { Approval, ApprovalKind } from '../../schemas/plugin-set.ts'
import { upgradeLevel } from '../../schemas/versions.ts'
import { changeOf, type Step } from './changes.ts'

/**
 * What of a change needs a person's consent and does not have it. Consent is bound to the change by the entry
 * digest of its target, so that approving one release never approves the next.
 */
export function approvalNeeds(step: Step, approvals: readonly Approval[]): readonly Blocked[] {
  const { block, to } = step
  if (!block || !to || step.repair) return []
  const given = new Set(approvals.filter((a) => a.plugin === step.id && a.to === to.entryDigest).flatMap((a) => a.accept ?? []))
  const missing = needsOf(step, block).filter((need) => !given.has(need.kind))
  if (missing.length === 0) return []
  const kinds = missing.map((need) => need.kind)
  return [
    {
      id: step.id,
      action: changeOf(step).action,
      code: 'APPROVAL_MISSING',
      reason: missing.map((need) => need.why).join('; '),
      hint: `approvals:\n  - { plugin: ${step.id}, to: "${to.entryDigest}", accept: [${kinds.join(', ')}] }`,
      to: to.version,
    },
  ]
}

interface Need {
  readonly kind: ApprovalKind
  readonly why: string
}

/** A plugin that comes back finds the data that it left: taking it out first is no way around who may have that. */
function needsOf({ record, retained }: Step, to: LockBlock): readonly Need[] {
  const before = record?.block ?? retained
  if (!before) return []
  return [...(record ? majorNeed(before, to) : []), ...originNeeds(before, to), ...signerNeeds(before, to)]
}

function majorNeed(from: LockBlock, to: LockBlock): readonly Need[] {
  if (upgradeLevel(from.version, to.version) !== 'major') return []
  return [{ kind: 'major', why: `${from.version} -> ${to.version} is a major step: what worked may stop working` }]
}

function originNeeds(from: LockBlock, to: LockBlock): readonly Need[] {
  const before = from.registry ?? from.source ?? ''
  const after = to.registry ?? to.source ?? ''
  return before === after ? [] : [{ kind: 'registry', why: `it comes from ${after} now, before from ${before}` }]
}

function signerNeeds(from: LockBlock, to: LockBlock): readonly Need[] {
  if (from.signer.kind !== to.signer.kind) {
    return [{ kind: 'evidence', why: `its evidence is ${to.signer.kind} now, before ${from.signer.kind}` }]
  }
  const changed = signerChanges(from, to)
  return changed.length === 0 ? [] : [{ kind: 'signer', why: `another signer: ${changed.join(', ')}` }]
}

function signerChanges(from: LockBlock, to: LockBlock): readonly string[] {
  const changed: string[] = []
  const compare = (what: string, before: unknown, after: unknown): void => {
    if (JSON.stringify(before) !== JSON.stringify(after)) changed.push(`${what} ${String(before ?? 'none')} -> ${String(after ?? 'none')}`)
  }
  compare('repository id', from.repository.id, to.repository.id)
  compare('owner id', from.repository.ownerId, to.repository.ownerId)
  if (from.signer.kind !== 'provenance' || to.signer.kind !== 'provenance') return changed
  compare('profile', from.signer.profile, to.signer.profile)
  compare('issuer', from.signer.issuer, to.signer.issuer)
  compare('workflow', from.signer.workflow, to.signer.workflow)
  compare('reusable workflow', reusableText(from.signer), reusableText(to.signer))
  compare('predicate', from.signer.predicateType, to.signer.predicateType)
  return changed
}

function reusableText(signer: Extract<LockBlock['signer'], { kind: 'provenance' }>): string | undefined {
  return signer.reusable && `${signer.reusable.repository}/${signer.reusable.path}@${signer.reusable.ref}`
}
