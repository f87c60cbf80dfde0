import { type ApartOptions, type ApartValidator, validateApart } from './apart.ts'
import { isCode } from './code-file.ts'
import type { Finding } from './findings.ts'
import type { Package } from './package-view.ts'
import { PackageView } from './package-view.ts'
import { expectMuch } from './parse.ts'
import { costsTooMuch } from './reading-cost.ts'
import { validate } from './validate.ts'

/** Judges packages of strangers. */
export interface Judge {
  /** The findings of `validate`, whatever the package does to the reader. Never rejects. */
  validate(pkg: Package): Promise<readonly Finding[]>
  /** Many packages are coming: what costs time only once is done now. */
  prepare(): void
  close(): Promise<void>
}

/**
 * `validate` for code that nobody knows yet: here, where that is safe, and in a process apart for packages whose code
 * could take the reader down (minified code, mostly). The findings are the same; the process starts with the first such
 * package.
 */
export function openJudge(options: ApartOptions = {}): Judge {
  let apart: ApartValidator | undefined
  return {
    async validate(pkg) {
      if (!isRisky(pkg)) return validate(pkg)
      apart ??= validateApart(options)
      return apart.validate(pkg)
    },
    prepare: expectMuch,
    async close() {
      await apart?.close()
    },
  }
}

/** True when a file of the package could cost this process its memory. */
export function isRisky(pkg: Package): boolean {
  const view = new PackageView(pkg)
  return pkg.files.some(({ path }) => isCode(path) && costsTooMuch(view.text(path) ?? ''))
}
