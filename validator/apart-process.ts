import type { ApartRequest } from './apart.ts'
import { validate } from './validate.ts'

/* The other process of `apart.ts`: a package comes in, its findings go out. */

process.on('message', ({ files, manifest }: ApartRequest) => {
  const bytes = new Map(files.map((file) => [file.path, file.bytes]))
  process.send?.(validate({ files, manifest, read: (path) => bytes.get(path) }))
})
process.on('disconnect', () => process.exit(0))
