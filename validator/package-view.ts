import { posix } from 'node:path'
import { isUtf8 } from 'node:buffer'
import type { SourceDocument } from '../schemas/document.ts'
import { CatalystError, type Place } from '../schemas/errors.ts'
import { parseJson } from '../schemas/json.ts'
import { LIMITS } from '../schemas/limits.ts'
import type { Manifest } from '../schemas/manifest.ts'
import { LineIndex } from '../schemas/source-text.ts'
import { CodeFile, isCode } from './code-file.ts'

/** A file of a package: `path` inside the package with `/`, `mode` as git writes it (100644, 100755; 120000 is a link), `size` in bytes. */
export interface PackageFile {
  readonly path: string
  readonly mode: string
  readonly size: number
}

/** A package in memory. Nothing of it is on disk, nothing of it runs. */
export interface Package {
  readonly files: readonly PackageFile[]
  /** The bytes of a file that is in `files`. */
  read(path: string): Uint8Array | undefined
  readonly manifest: Manifest
}

/** Above this a text is not searched word by word; the size rule says so. */
export const MAX_TEXT_BYTES = 4 * 1024 * 1024

const NO_BYTES = new Uint8Array()
const decoder = new TextDecoder('utf-8')

/** A package as the rules see it: texts, lines and parsed code, each made once and only when a rule asks. */
export class PackageView {
  readonly files: readonly PackageFile[]
  readonly manifest: Manifest
  readonly #read: Package['read']
  readonly #byPath: ReadonlyMap<string, PackageFile>
  readonly #texts = new Map<string, string | undefined>()
  readonly #lines = new Map<string, LineIndex>()
  #code: readonly CodeFile[] | undefined
  #packageJson: PackageJson | undefined

  constructor(pkg: Package) {
    this.files = pkg.files
    this.manifest = pkg.manifest
    this.#read = (path) => pkg.read(path)
    this.#byPath = new Map(pkg.files.map((file) => [file.path, file]))
  }

  has(path: string): boolean {
    return this.#byPath.has(path)
  }

  bytes(path: string): Uint8Array {
    return (this.#byPath.has(path) ? this.#read(path) : undefined) ?? NO_BYTES
  }

  /** The text of a file as Node would decode it (bad bytes become U+FFFD, no byte order mark); undefined for binary and for very large files. */
  text(path: string): string | undefined {
    if (!this.#texts.has(path)) this.#texts.set(path, textOf(this.bytes(path)))
    return this.#texts.get(path)
  }

  isUtf8(path: string): boolean {
    return isUtf8(this.bytes(path))
  }

  place(path: string, offset?: number): Place {
    const file = `package/${path}`
    const text = offset === undefined ? undefined : this.text(path)
    if (text === undefined || offset === undefined) return { file }
    let lines = this.#lines.get(path)
    if (!lines) this.#lines.set(path, (lines = new LineIndex(text, file)))
    return lines.placeAt(offset)
  }

  /** Every JavaScript file, in the order of `files`. */
  get code(): readonly CodeFile[] {
    this.#code ??= this.files.filter((file) => isCode(file.path)).map((file) => new CodeFile(file.path, this))
    return this.#code
  }

  /** `package.json` at the top of the package. */
  get packageJson(): PackageJson {
    this.#packageJson ??= readPackageJson(this)
    return this.#packageJson
  }

  /** `type` of the package.json that Node would go by for a file; undefined when none in the package says. */
  typeOf(path: string): 'module' | 'commonjs' | undefined {
    for (let dir = posix.dirname(path); ; dir = posix.dirname(dir)) {
      const file = dir === '.' ? 'package.json' : `${dir}/package.json`
      if (this.has(file)) return moduleType(this.text(file) ?? '')
      if (dir === '.') return undefined
    }
  }
}

/** A package.json as far as it can be read; `problem` says why not. */
export interface PackageJson {
  readonly value: Readonly<Record<string, unknown>>
  readonly document?: SourceDocument
  readonly problem?: CatalystError
}

function readPackageJson(view: PackageView): PackageJson {
  if (!view.has('package.json')) return { value: {} }
  try {
    const document = parseJson(view.bytes('package.json'), 'package/package.json', { maxBytes: LIMITS.manifestMaxBytes })
    return { value: (document.value ?? {}) as Record<string, unknown>, document }
  } catch (problem) {
    if (problem instanceof CatalystError) return { value: {}, problem }
    throw problem
  }
}

/** Node reads only `type` of a nested package.json, and takes a file that it cannot read as an error; so we read no more. */
function moduleType(text: string): 'module' | 'commonjs' | undefined {
  try {
    const type = (JSON.parse(text) as { type?: unknown } | null)?.type
    return type === 'module' || type === 'commonjs' ? type : undefined
  } catch {
    return undefined
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > MAX_TEXT_BYTES) return undefined
  return bytes.subarray(0, 8000).includes(0) ? undefined : decoder.decode(bytes)
}
