import type { Blocked } from '../../schemas/plan.ts'
import type { Step } from './changes.ts'
import type { PlanInput } from './observed.ts'

/**
 * Stops a mass removal: an empty `plugins:` while some are installed, or more removals than `maxRemovals` allows
 * (never fewer than one). Every removal waits until `approvals:` names it.
 */
export function removalGuard(steps: readonly Step[], { desired, observed }: PlanInput): readonly Blocked[] {
  const removals = steps.filter((step) => !step.to).map((step) => step.id)
  const approved = new Set(desired.approvals.flatMap((a) => a.removals ?? []))
  const open = removals.filter((id) => !approved.has(id))
  const installed = observed.store.installs.length
  const allowed = Math.max(1, Math.floor((installed * desired.policy.maxRemovalsPercent) / 100))
  const emptied = desired.plugins.length === 0 && installed > 0
  if (open.length === 0 || (!emptied && removals.length <= allowed)) return []
  const why = emptied
    ? `plugins.yaml wants no plugin at all while ${installed} are installed`
    : `${removals.length} of ${installed} installed plugins would go, ${allowed} may without a question (maxRemovals: ${desired.policy.maxRemovalsPercent}%)`
  return open.map((id) => ({
    id,
    action: 'remove',
    code: 'MASS_REMOVAL',
    reason: why,
    hint: `approvals:\n  - { removals: [${removals.join(', ')}] }`,
  }))
}
