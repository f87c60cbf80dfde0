import { byCodeUnit } from '../../schemas/digest.ts'
import { ERRORS, type Problem } from '../../schemas/errors.ts'
import type { Lock, LockBlock, WaitingBlock } from '../../schemas/lock.ts'
import type { DesiredPlugin, DesiredState } from '../plan/desired.ts'
import type { Waiting } from '../resolve/types.ts'
import { saidAgainst } from '../plan/stale.ts'
import type { DirectFinding } from './direct.ts'

/**
 * What waits for a person, as the lock records it and as it is shown. For a direct source without `signer:` the
 * hint is the signer that was observed: cryptographically sound, but nobody has said yet that it is the right one.
 */
export function waitingBlocks(
  waiting: readonly Waiting[],
  findings: readonly DirectFinding[],
  desired: DesiredState,
): { readonly waiting: readonly Waiting[]; readonly blocks: NonNullable<Lock['waiting']> } {
  const shown = waiting.map((w) => (w.code === 'SIGNER_MISSING' ? { ...w, hint: signerHint(w, findings) } : w))
  const blocks = [...shown]
    .sort((a, b) => byCodeUnit(a.id, b.id))
    .map((w): [string, WaitingBlock] => {
      const requested = desired.plugins.find((p) => p.id === w.id)?.range
      return [w.id, { ...(requested === undefined ? {} : { requested }), code: w.code, version: w.candidate?.version ?? '0.0.0', write: w.hint }]
    })
  return { waiting: shown, blocks: Object.fromEntries(blocks) }
}

/** What may go away, or was not shown to us, says nothing about a release: nobody refused it. */
function couldNotCheck(problem: Problem | undefined): boolean {
  return problem !== undefined && (problem.code === 'UNAUTHORIZED' || ['backoff', 'next-pass'].includes(ERRORS[problem.code].retry))
}

/**
 * Plugins whose release was refused or could not be checked, where the lock does not answer plugins.yaml because of it:
 * recorded, so that `plan` and `apply` go on with all others and say so.
 */
export function refusedBlocks(failed: ReadonlyMap<string, Problem>, plugins: Readonly<Record<string, LockBlock>>, desired: DesiredState): NonNullable<Lock['waiting']> {
  const answers = (plugin: DesiredPlugin, block: LockBlock | undefined): boolean => block?.requested === plugin.range && saidAgainst(block, plugin, desired).length === 0
  const unanswered = desired.plugins.filter((p) => failed.has(p.id) && !answers(p, plugins[p.id]))
  return Object.fromEntries(
    unanswered.map(({ id, range }): [string, WaitingBlock] => {
      const problem = failed.get(id)
      return [id, { requested: range, code: couldNotCheck(problem) ? 'RELEASE_UNCHECKED' : 'RELEASE_REFUSED', version: plugins[id]?.version ?? '0.0.0', write: `${problem?.code}: ${problem?.message}`.slice(0, 2000) }]
    }),
  )
}

function signerHint(waiting: Waiting, findings: readonly DirectFinding[]): string {
  const observed = findings.find((f) => f.id === waiting.id)?.observed
  if (!observed) return 'signer: { workflow: .github/workflows/<name>.yml }'
  const { signer } = observed
  const refs = signer.ref.startsWith('refs/tags/') ? '' : `, refs: [${signer.ref}]`
  const reusable = signer.reusable ? `, reusable: { repository: ${signer.reusable.repository}, path: ${signer.reusable.path}, ref: ${signer.reusable.ref} }` : ''
  return `signer: { workflow: ${signer.workflow}${refs}${reusable} }`
}
