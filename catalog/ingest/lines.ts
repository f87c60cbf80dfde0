import { artifactUrlAllowed } from '../../schemas/artifact-urls.ts'
import { canonicalJson } from '../../schemas/digest.ts'
import type { IndexLine } from '../../schemas/index-line.ts'
import type { RegistryEntry, RegistryFile } from '../../schemas/registry-entry.ts'
import { lineProblems, writeIndexLine } from '../../schemas/registry-files.ts'
import { compareVersions } from '../../schemas/versions.ts'
import type { Verdict } from '../ports.ts'
import { differences } from './differences.ts'
import { coreOf, hasRoom, lineRefusals, sizeOf } from './line-room.ts'

/** The lines of an index file as they shall be, and versions that stand in git otherwise than the catalog knows them. */
export interface MergedLines {
  readonly lines: readonly IndexLine[]
  /** Listed in git with other contents: git's line stays, an alarm is raised. */
  readonly edited: readonly string[]
  /** Listed by a verdict and not in git, because no store would take the line or read the file: an alarm is raised. */
  readonly withheld: readonly { readonly version: string; readonly why: string }[]
}

/**
 * Joins the lines that stand in git with those of the verdicts, oldest version first. A version that is listed never
 * changes and never goes: only `yanked` and `advisories` do. A new line that goes beyond the present entry, or that would
 * make the file unreadable, is left out. Pure.
 */
export function mergeLines(inGit: readonly IndexLine[], verdicts: readonly Verdict[], entry: RegistryEntry, registry: RegistryFile): MergedLines {
  const lines = new Map(inGit.map((line) => [line.version, line]))
  const cores = new Map(inGit.map(({ version }) => [coreOf(version), version]))
  let bytes = inGit.reduce((sum, line) => sum + sizeOf(line), 0)
  const [edited, withheld]: [string[], { version: string; why: string }[]] = [[], []]
  for (const verdict of verdicts) {
    const { version, line } = verdict
    if (line === undefined || (verdict.verdict !== 'listed' && verdict.verdict !== 'withdrawn')) continue
    const listed = lines.get(version)
    if (listed && lasting(listed) !== lasting(line)) edited.push(version)
    else if (listed) lines.set(version, line)
    else {
      const twin = cores.get(coreOf(version))
      const why = twin === undefined ? whyNot(verdict, line, entry, registry) : `${twin} is the same version, build metadata makes no other`
      if (why !== undefined) withheld.push({ version, why })
      else if (!hasRoom(lines.size, bytes, line)) withheld.push({ version, why: 'the index file of the plugin is full' })
      else {
        lines.set(version, line)
        cores.set(coreOf(version), version)
        bytes += sizeOf(line)
      }
    }
  }
  return { lines: [...lines.values()].sort((a, b) => compareVersions(a.version, b.version)), edited, withheld }
}

/** The bytes of an index file. Equal lines have equal bytes. `others`: lines of a format that we do not know, as they are. */
export function linesFile(lines: readonly IndexLine[], others: readonly string[] = []): Uint8Array {
  return Buffer.from([...lines.map(writeIndexLine), ...others].map((line) => `${line}\n`).join(''))
}

/** Why a line may not be written: what every store checks too, and who signed; undefined when it may. Pure. */
function whyNot({ evidence: { proof } }: Verdict, line: IndexLine, entry: RegistryEntry, registry: RegistryFile): string | undefined {
  const beyond = proof ? differences(proof, line, entry, registry).map(({ kind, found, allowed }) => `${kind} ${found}, the entry allows ${allowed ?? 'none'}`) : []
  const urls = [line.artifact.url, line.bundle.url].filter((url) => !artifactUrlAllowed(url, entry, registry)).map((url) => `the registry may not send stores to ${url}`)
  return [...beyond, ...urls, ...[...lineProblems(line, entry), ...lineRefusals(line)].map(({ message }) => message)][0]
}

/** What of a line may never change. */
function lasting({ yanked: _yanked, advisories: _advisories, ...rest }: IndexLine): string {
  return canonicalJson(rest)
}
