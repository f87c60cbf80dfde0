import type { Command } from '../command.ts'
import { openCatalogOf } from '../compose-ingest.ts'
import type { RegistryContext } from '../compose-registry.ts'

/** `catalyst registry stats`: how much there is, what waits for a maintainer. */
export const statsCommand: Command<{ readonly database?: string }, RegistryContext> = async ({ registry }, { database }) => {
  const store = await openCatalogOf(registry, database)
  try {
    const [stats, review, alarms, proposals] = await Promise.all([store.stats(), store.verdicts({ verdict: 'in-review' }, { limit: 20 }), store.alarms({ open: true }, { limit: 20 }), store.proposals({ limit: 20 })])
    const { plugins, versions } = stats
    const text = [
      `Plugins: ${plugins.official} official, ${plugins.community} community, ${plugins.generated} generated, from ${stats.repositories} repositories.`,
      `Versions: ${versions.listed} listed, ${versions['in-review']} in review, ${versions.rejected} rejected, ${versions.withdrawn} withdrawn.`,
      `Waiting to be looked at: ${stats.waiting}. Last whole sweep: ${stats.lastSweepAt ?? 'none yet'}.`,
      ...section('In review', versions['in-review'], review.items.map(({ id, version, evidence }) => `${id} ${version}: ${evidence.differences.map(({ kind, found }) => `${kind} ${found}`).join('; ')}`)),
      ...section('Open alarms', stats.openAlarms, alarms.items.map(({ number, message }) => `#${number} ${message}`)),
      ...section('Proposed by topic', stats.proposals, proposals.items.map(({ suggestedId, repository }) => `${suggestedId}: ${repository.url}`)),
    ]
    return { exit: 0, text: text.join('\n'), result: { ...stats, inReview: review.items, alarms: alarms.items, proposed: proposals.items } }
  } finally {
    await store.close()
  }
}

function section(title: string, count: number, lines: readonly string[]): readonly string[] {
  if (count === 0) return []
  return ['', `${title} (${count}):`, ...lines.map((line) => `  ${line}`), ...(count > lines.length ? [`  … and ${count - lines.length} more`] : [])]
}
