import { resolve } from 'node:path'
import { mirror } from '../../catalog/tuf/mirror.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Command } from '../command.ts'
import type { RegistryContext } from '../compose-registry.ts'

export interface MirrorArguments {
  readonly url: string
  readonly to: string
  readonly root: string
  readonly key?: string
  readonly only?: readonly string[]
  readonly validFor?: number
}

/** Days that a mirror's own signatures last: who carries it by hand does so once a month. */
const VALID_DAYS = 60

/** `catalyst mirror URL --to FOLDER --root FILE [--key FILE]`: a signed index with its artifacts, for stores that reach no other host. */
export const mirrorCommand: Command<MirrorArguments, RegistryContext> = async ({ registry }, { url, to, root, key, only, validFor = VALID_DAYS }) => {
  if (!Number.isInteger(validFor) || validFor < 1 || validFor > 365) throw new CatalystError('USAGE', `--valid-for ${validFor} is no number of days from 1 to 365`)
  const signers = key === undefined ? [] : await registry.keys([key])
  const [{ http, artifacts }, [signer]] = [await registry.downloads(), signers]
  // A copy that could not be confirmed now is nothing to hand on.
  const source = { name: 'the registry', url, root: resolve(root), cacheDir: registry.settings.cacheDir, maxAgeMs: 0, http }
  const report = await mirror({ source, artifacts, folder: resolve(to), only, signer, days: validFor, now: registry.now() })
  const mib = (report.bytes / 2 ** 20).toFixed(1)
  const pins = signer ? `Stores pin ${to}/${report.root} as \`mirrorRoot:\`, got by a way that they trust, and keep the registry's \`root:\`` : 'Stores keep the root that they have pinned'
  return {
    exit: 0,
    text: `Mirrored ${report.plugins} plugins into ${to}: ${report.written} files written, ${mib} MiB of artifacts and bundles fetched.\n${pins}, and write \`mirror:\` with the address of this folder beside the registry's url.\nMirror again before ${report.expires}.`,
    result: report,
    problems: report.problems,
  }
}
