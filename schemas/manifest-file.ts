import { checkConfigSchema } from './config-schema.ts'
import { nearestPlace } from './document.ts'
import { throwProblems, withCode } from './errors.ts'
import { parseJson } from './json.ts'
import { LIMITS } from './limits.ts'
import { Manifest } from './manifest.ts'
import { manifestProblems } from './manifest-problems.ts'
import { sortProblems, validated } from './validate.ts'

/**
 * Reads `package/manifest.json`: JSON, then schema, then what no schema can say. Pure.
 * @throws CatalystError MANIFEST_INVALID; its `problems` have codes and places of their own
 */
export function readManifest(bytes: Uint8Array | string, file: string): Manifest {
  return withCode('MANIFEST_INVALID', () => {
    const document = parseJson(bytes, file, { maxBytes: LIMITS.manifestMaxBytes })
    const manifest = validated(Manifest, document)
    const config = checkConfigSchema(manifest.config ?? {}, (path) => nearestPlace(document, ['config', ...path]))
    throwProblems(sortProblems([...manifestProblems(manifest, document), ...config]))
    return manifest
  })
}
