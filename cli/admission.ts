import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkConfig } from '../schemas/config-schema.ts'
import { configValues } from '../schemas/config-values.ts'
import { throwProblems, type Place, type Problem } from '../schemas/errors.ts'
import type { LockBlock } from '../schemas/lock.ts'
import { readManifest } from '../schemas/manifest-file.ts'
import { allReferences, referenceText } from '../schemas/references.ts'
import type { Said } from './config-checks.ts'
import type { Secrets } from './secrets.ts'

/**
 * The last look before code goes live: every value that its config refers to is there, and the config with its values is
 * what the package's own schema takes. Values are looked at here and forgotten.
 */
export function admission({ desired, placeOf }: Omit<Said, 'lock'>, secrets: Secrets): (id: string, block: LockBlock, dir: string) => Promise<void> {
  return async (id, block, dir) => {
    const plugin = desired.plugins.find((p) => p.id === id)
    const config = plugin?.config ?? {}
    const at = (path: readonly (string | number)[]): Place | undefined => placeOf(['plugins', id, 'config', ...path]) ?? (path.length === 0 ? placeOf(['plugins', id]) : undefined)
    if (plugin?.enabled === false) return
    throwProblems(missing(config, at, secrets))
    if (block.configSchema === undefined) return
    const schema = readManifest(readFileSync(join(dir, 'manifest.json')), `${id}/manifest.json`).config ?? {}
    const values = configValues(schema, config, (reference) => secrets.valueOf(reference) ?? '')
    throwProblems(checkConfig(schema, values, at))
  }
}

function missing(config: object, at: (path: readonly (string | number)[]) => Place | undefined, secrets: Secrets): readonly Problem[] {
  return allReferences(config).flatMap(({ reference, path }): readonly Problem[] => {
    if (secrets.valueOf(reference) !== undefined) return []
    const place = at(path)
    const what = reference.kind === 'env' ? `the variable ${reference.name} is not set, or empty` : `the file ${reference.name} is not there, empty, or larger than a secret`
    const hint = reference.kind === 'env' ? `Set ${reference.name} for the process that runs \`catalyst apply\`.` : `Write the value into ${reference.name} (relative paths start at the folder of plugins.yaml).`
    return [{ code: 'SECRET_MISSING', message: `${referenceText(reference)}: ${what}`, hint, ...(place ? { place } : {}) }]
  })
}

