import { LIMITS } from '../../schemas/limits.ts'
import { MAX_TEXT_BYTES } from '../package-view.ts'
import type { Rule } from '../rule.ts'

/** A store loads each plugin's code at each start. */
const LARGE_FILE_BYTES = 1024 * 1024

export const sizeLimit: Rule = {
  id: 'size-limit',
  severity: 'error',
  title: 'A package stays within the limits of docs/formats.md.',
  hint: 'Pack only what the plugin needs when it runs (`files` in package.json).',
  *check(pkg) {
    const total = pkg.files.reduce((sum, file) => sum + file.size, 0)
    if (total > LIMITS.unpackedMaxBytes) yield { message: `the package has ${total} bytes unpacked; the limit is ${LIMITS.unpackedMaxBytes}` }
    if (pkg.files.length > LIMITS.unpackedMaxFiles) yield { message: `the package has ${pkg.files.length} files; the limit is ${LIMITS.unpackedMaxFiles}` }
    for (const { path, size } of pkg.files) {
      const pathBytes = Buffer.byteLength(path)
      if (pathBytes > LIMITS.pathMaxBytes) yield { place: pkg.place(path), message: `a path of ${pathBytes} bytes; the limit is ${LIMITS.pathMaxBytes}` }
      if (path === 'manifest.json' && size > LIMITS.manifestMaxBytes) yield { place: pkg.place(path), message: `manifest.json has ${size} bytes; the limit is ${LIMITS.manifestMaxBytes}` }
      if (size > LARGE_FILE_BYTES && size <= MAX_TEXT_BYTES) yield { place: pkg.place(path), message: `${path} has ${size} bytes: large for a file of a plugin`, severity: 'warning' }
      if (size > MAX_TEXT_BYTES) yield { place: pkg.place(path), message: `${path} has ${size} bytes: too large to be searched for secrets`, severity: 'warning' }
    }
  },
}
