import type { Problem } from '../../schemas/errors.ts'
import type { IndexTree } from './index-tree.ts'
import { LASTS } from './layout.ts'
import type { Signer } from './metadata.ts'
import { publishIndexBins } from './publish-index.ts'
import { publishPeoples } from './publish-people.ts'
import { readPublished, writeState } from './published.ts'
import { seal } from './seal.ts'
import { sweep } from './sweep.ts'

/** What is published, by whom, and where to. */
export interface PublishOptions {
  readonly tree: IndexTree
  /** The folder that is served. */
  readonly folder: string
  /** The bot's keys: for the index's bins, the snapshot and the timestamp. */
  readonly signers: readonly Signer[]
  /** ISO 8601. */
  readonly now: string
  /** Paths that changed since the last publishing, from whoever wrote them; otherwise the tree is asked. */
  readonly changed?: readonly string[]
}

export interface PublishReport {
  /** Files that were written, as paths in the folder. */
  readonly written: readonly string[]
  readonly versions: { readonly root: number; readonly snapshot: number; readonly timestamp: number }
  /** When readers will refuse what is published, unless it is published again before. */
  readonly expires: string
  /** What could not be published yet, and why. All else was. */
  readonly problems: readonly Problem[]
}

/**
 * Publishes an index as a TUF repository (specification 1.0.31, consistent snapshots). What did not change keeps its
 * files; what is near its end is signed again. Files are replaced whole, contents first, then the metadata that names
 * them, the timestamp last: whoever reads meanwhile, and whoever comes after a crash, finds one whole state.
 * @throws CatalystError SIGNATURES_MISSING (exit 3) when people have not signed what there is no older version of,
 * KEY_INVALID for keys that may not sign, INDEX_INVALID, DISK_FULL, READ_ONLY; the published state stays as it was then
 */
export async function publishTuf(options: PublishOptions): Promise<PublishReport> {
  const { tree, folder, now } = options
  const before = await readPublished(folder)
  const changes = options.changed ? { paths: options.changed, all: false } : await tree.changedSince(before?.state.head)
  const peoples = await publishPeoples({ ...options, before, changes })
  const index = await publishIndexBins({ ...options, before, changes, targets: peoples.targets })
  const { snapshot, timestamp, written } = await seal({ folder, signers: options.signers, now, before, root: peoples.root, roots: peoples.roots, lasts: LASTS, written: [...peoples.written, ...index.written] })
  const retired = await sweep(folder, [...(before?.state.retired ?? []), ...written.flatMap(({ replaces = [] }) => replaces.map((path) => ({ path, at: now })))], now)
  // What waits for signatures is looked at again the next time.
  const head = peoples.problems.length > 0 ? before?.state.head : tree.head
  await writeState(folder, { head, renewAt: index.renewAt, retired })
  return {
    written: written.flatMap(({ path }) => path),
    versions: { root: peoples.root.version, snapshot: snapshot.signed.version, timestamp: timestamp.signed.version },
    expires: [timestamp, snapshot].map((data) => data.signed.expires).sort()[0] ?? '',
    problems: peoples.problems,
  }
}
