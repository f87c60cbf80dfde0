import { canonicalJson } from '../../schemas/digest.ts'
import { CatalystError, throwProblems, type Problem } from '../../schemas/errors.ts'
import type { Lock, LockBlock } from '../../schemas/lock.ts'
import type { DesiredState } from '../plan/desired.ts'
import type { Candidate } from '../ports.ts'
import { authorize, type AuthoritySources } from './authority.ts'
import { blockOf } from './blocks.ts'
import { provenCandidate, UNSIGNED } from './candidates.ts'
import type { LockDeps } from './lock.ts'
import { readProven, type Proven } from './prove.ts'
import { openRegistries } from './registries.ts'

/**
 * Proves every release of a lock as if none had ever been seen, and compares each block with what `lock` would write of
 * it: what `apply` would refuse, a pull request shows before anybody merges it. Each plugin by itself; empty when all
 * holds. Nothing of the lock is taken as said: authority comes from plugins.yaml and the registries (law 11).
 */
export async function proveAgain(lock: Lock, desired: DesiredState, deps: LockDeps): Promise<readonly Problem[]> {
  const registries = await openRegistries(desired, Object.values(lock.plugins), deps)
  const sources: AuthoritySources = { desired, lock, origins: new Map(), hosts: deps.hosts, applied: new Set(), snapshot: async (name) => registries.snapshot(name) }
  try {
    deps.expect?.(Object.keys(lock.plugins).length)
    const found = await Promise.all(Object.entries(lock.plugins).map(([id, block]) => problemOf(id, block, sources, deps)))
    return found.filter((problem) => problem !== undefined)
  } finally {
    await registries.close()
  }
}

async function problemOf(id: string, block: LockBlock, sources: AuthoritySources, deps: LockDeps): Promise<Problem | undefined> {
  try {
    const candidate = await authorized(id, block, sources)
    const proven = await readProven(candidate, deps)
    assertSame(id, block, proven)
    throwProblems(proven.inspected.findings)
    return undefined
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return { code: error.code, message: `${id} ${block.version}: ${error.message.replace(`${id}: `, '')}`, hint: error.hint, ...(error.place ? { place: error.place } : {}) }
  }
}

async function authorized(id: string, block: LockBlock, sources: AuthoritySources): Promise<Candidate> {
  const authorization = await authorize(id, block, sources)
  const candidate = provenCandidate(id, block)
  if (authorization.kind === 'unsigned') return { ...candidate, authority: UNSIGNED }
  const { authority } = authorization
  // The numbers decide who signed; the address is what people read in a plan, so it must be the reviewed one too.
  const { url } = block.repository
  if (!authority.repositories.some((r) => r.id === block.repository.id && r.url.toLowerCase() === url.toLowerCase())) {
    throw new CatalystError('AUTHORITY_MISMATCH', `the lock names the repository ${url}, it may be published from ${authority.repositories.map((r) => r.url).join(', ')}`)
  }
  return { ...candidate, authority }
}

/** @throws CatalystError MANIFEST_MISMATCH naming every field in which the lock says something else than the release */
function assertSame(id: string, block: LockBlock, proven: Proven): void {
  const { manifest } = proven.inspected
  const { entryDigest: _, ...again } = blockOf(proven, { requested: block.requested, uninstall: block.uninstall })
  const real: Record<string, unknown> = { ...again, id: manifest.id, version: manifest.version }
  const said: Record<string, unknown> = { ...block, id }
  const other = [...new Set([...Object.keys(real), ...Object.keys(said)])].filter((key) => key !== 'entryDigest' && canonicalJson(real[key] ?? null) !== canonicalJson(said[key] ?? null))
  const [first] = other
  if (first === undefined) return
  throw new CatalystError('MANIFEST_MISMATCH', `the lock and the release differ in ${other.join(', ')}: the lock says ${canonicalJson(said[first] ?? null)}, the release ${canonicalJson(real[first] ?? null)}`)
}
