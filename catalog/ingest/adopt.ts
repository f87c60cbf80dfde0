import type { IndexLine } from '../../schemas/index-line.ts'
import type { CatalogStore, Verdict } from '../ports.ts'
import type { GitEntry, RegistryAtCommit } from './registry-git.ts'

/**
 * Takes lines that stand in git and that the database does not know into it: a database that was lost is made anew from
 * git, and no version is judged twice. Their evidence stayed in the lost database.
 */
export async function adoptLines(store: CatalogStore, registry: RegistryAtCommit, { entry, digest }: GitEntry, at: string): Promise<void> {
  const lines = await registry.lines(entry.id)
  const known = new Set((await store.verdictsOf(entry.id)).map(({ version }) => version))
  const missing = lines.filter(({ version }) => !known.has(version))
  if (missing.length > 0) await store.adopt(missing.map((line) => adopted(line, digest, at)))
}

function adopted(line: IndexLine, entryDigest: Verdict['evidence']['entryDigest'], at: string): Verdict {
  const { id, version, repository, tag, commit, artifact, bundle, publishedAt } = line
  const withdrawn = line.advisories?.some(({ level }) => level === 'withdrawn' || level === 'malicious')
  return {
    id, version, verdict: withdrawn ? 'withdrawn' : 'listed', decidedAt: at, line,
    release: { repository, tag, commit, artifact, bundle: { url: bundle.url, sha256: bundle.sha256 }, publishedAt },
    evidence: { problems: [], differences: [], proposal: undefined, proof: undefined, entryDigest, by: 'git: stood in the index' },
  }
}
