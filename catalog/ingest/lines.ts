import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import { lineProblems, writeIndexLine } from '../../schemas/registry-files.ts'
import { compareVersions } from '../../schemas/versions.ts'
import type { Verdict } from '../ports.ts'

/** The lines of an index file as they shall be, and versions that stand in git otherwise than the catalog knows them. */
export interface MergedLines {
  readonly lines: readonly IndexLine[]
  /** Listed in git with other contents: git's line stays, an alarm is raised. */
  readonly edited: readonly string[]
}

/**
 * Joins the lines that stand in git with those of the verdicts, oldest version first. A version that is listed never
 * changes and never goes: only `yanked` and `advisories` do. A new line that goes beyond the present entry is left out. Pure.
 */
export function mergeLines(inGit: readonly IndexLine[], verdicts: readonly Verdict[], entry: RegistryEntry, registry: RegistryFile): MergedLines {
  const lines = new Map(inGit.map((line) => [line.version, line]))
  const edited: string[] = []
  for (const { verdict, version, line } of verdicts) {
    if (line === undefined || (verdict !== 'listed' && verdict !== 'withdrawn')) continue
    const listed = lines.get(version)
    if (listed && lasting(listed) !== lasting(line)) edited.push(version)
    else if (listed || fits(line, entry, registry)) lines.set(version, line)
  }
  return { lines: [...lines.values()].sort((a, b) => compareVersions(a.version, b.version)), edited }
}

/** The bytes of an index file. Equal lines have equal bytes. */
export function linesFile(lines: readonly IndexLine[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${writeIndexLine(line)}\n`).join(''))
}

/** Whether a line says no more than its entry: what every store checks too. Pure. */
function fits(line: IndexLine, entry: RegistryEntry, registry: RegistryFile): boolean {
  return lineProblems(line, entry).length === 0 && artifactUrlAllowed(line.artifact.url, entry, registry) && artifactUrlAllowed(line.bundle.url, entry, registry)
}

/** What of a line may never change. */
function lasting({ yanked: _yanked, advisories: _advisories, ...rest }: IndexLine): string {
  return canonicalJson(rest)
}
