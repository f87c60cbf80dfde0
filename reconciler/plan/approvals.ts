import type { LockBlock } from '../../schemas/lock.ts'
import type { Blocked, ConsentNeed } from '../../schemas/plan.ts'
import type { Approval } from '../../schemas/plugin-set.ts'
import type { InstallRecord } from '../ports.ts'
import { breakingNeeds } from './breaking.ts'
import { changeOf, type Step } from './changes.ts'

/**
 * What of a change needs a person's consent and does not have it. Consent is bound to the change by the entry
 * digest of its target, so that approving one release never approves the next. Pure.
 */
export function approvalNeeds(step: Step, approvals: readonly Approval[], installs: readonly InstallRecord[]): readonly Blocked[] {
  const { to } = step
  const all = consentNeeds(step, installs)
  if (!to || all.length === 0) return []
  const own = approvals.filter((a) => a.plugin === step.id && a.to !== undefined)
  const given = new Set(own.filter((a) => a.to === to.entryDigest).flatMap((a) => a.accept ?? []))
  const needs = all.filter((need) => !given.has(need.accept))
  if (needs.length === 0) return []
  // What was consented to before stays in the line: one approval per release is what a reader finds in git.
  const accept = [...new Set([...given, ...needs.map((need) => need.accept)])]
  const other = own.some((a) => a.to !== to.entryDigest) ? `\n  # the other approval of ${step.id} in plugins.yaml is of another release and does nothing here` : ''
  return [
    {
      id: step.id,
      action: changeOf(step).action,
      code: 'APPROVAL_MISSING',
      reason: needs.map((need) => need.why).join('; '),
      needs,
      hint: `approvals:\n  - { plugin: ${step.id}, to: "${to.entryDigest}", accept: [${accept.join(', ')}] }${other}`,
      to: to.version,
    },
  ]
}

/** Everything of a change that needs consent, given or not: a plan names it either way. Pure. */
export function consentNeeds(step: Step, installs: readonly InstallRecord[]): readonly ConsentNeed[] {
  const { block, to, record, retained } = step
  if (!block || !to || step.repair) return []
  const breaking = breakingNeeds(step, block, installs)
  // A plugin that comes back finds the data that it left: taking it out first is no way around who may have that.
  const before = record?.block ?? retained
  return before ? [...breaking, ...originNeeds(before, block), ...signerNeeds(before, block)] : breaking
}

function originNeeds(from: LockBlock, to: LockBlock): readonly ConsentNeed[] {
  const before = from.registry ?? from.source ?? ''
  const after = to.registry ?? to.source ?? ''
  return before === after ? [] : [{ accept: 'registry', why: `it comes from ${after} now, before from ${before}` }]
}

function signerNeeds(from: LockBlock, to: LockBlock): readonly ConsentNeed[] {
  if (from.signer.kind !== to.signer.kind) {
    return [{ accept: 'evidence', why: `its evidence is ${to.signer.kind} now, before ${from.signer.kind}` }]
  }
  const changed = signerChanges(from, to)
  return changed.length === 0 ? [] : [{ accept: 'signer', why: `another signer: ${changed.join(', ')}` }]
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
