import { ENTRIES } from './layout.ts'
import { binFinder, signatureState, type Envelope, type PublicKey, type RoleKeys, type TargetsSigned } from './metadata.ts'
import { binsOf, delegation, type RootFile } from './people.ts'

/** A root and what it leads to, where each is signed by the keys that the one above it names: readers can go all the way. */
export interface Chain {
  readonly root: RootFile
  readonly targets: Envelope<TargetsSigned>
  readonly entries: Envelope<TargetsSigned>
}

/** The versions of a role that may count. */
export interface Versions {
  /** What lies in git, when it is newer than what was published. */
  readonly staged: Envelope<TargetsSigned> | undefined
  readonly published: Envelope<TargetsSigned> | undefined
  /** True when the files that `staged` names are there as they were signed. */
  readonly isWhole: () => Promise<boolean>
}

/** Gives the versions of a role, the same ones each time. */
export type VersionsOf = (role: string) => Promise<Versions>

/**
 * The newest chain that holds down to every bin. New keys above count only once everything below is signed by them: with a
 * new root over delegations that it does not cover, every reader would be refused. Undefined when there is none.
 */
export async function newestChain(roots: readonly RootFile[], versionsOf: VersionsOf): Promise<Chain | undefined> {
  for (const root of roots.toReversed()) {
    const { keys, roles } = root.data.signed
    for await (const targets of signed(await versionsOf('targets'), keys, roles.targets)) {
      const people = delegation(targets.signed, ENTRIES)
      for await (const entries of signed(await versionsOf(ENTRIES), people.keys, people.who)) {
        if (await binsHold(entries, versionsOf)) return { root, targets, entries }
      }
    }
  }
  return undefined
}

/** Those that enough of these keys signed, newest first. */
export async function* signed({ staged, published, isWhole }: Versions, keys: Readonly<Record<string, PublicKey>>, who: RoleKeys): AsyncGenerator<Envelope<TargetsSigned>> {
  const holds = (data: Envelope<TargetsSigned> | undefined): data is Envelope<TargetsSigned> => data !== undefined && signatureState(data, keys, who).missing === 0
  if (holds(staged) && (await isWhole())) yield staged
  if (holds(published)) yield published
}

/** The newest of them. */
export async function newestSigned(...what: Parameters<typeof signed>): Promise<Envelope<TargetsSigned> | undefined> {
  for await (const data of signed(...what)) return data
  return undefined
}

/** Bins that were published under the same delegation hold: they were looked at then. */
async function binsHold(entries: Envelope<TargetsSigned>, versionsOf: VersionsOf): Promise<boolean> {
  const { published } = await versionsOf(ENTRIES)
  if (entries.signed.version === published?.signed.version) return true
  const { keys, who } = binsOf(entries.signed, ENTRIES)
  for (const bin of binFinder(who).bins) if (!(await newestSigned(await versionsOf(bin), keys, who))) return false
  return true
}
