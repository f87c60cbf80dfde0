import type { Manifest } from '../schemas/manifest.ts'
import { type Import, type ImportSite, importsOfFacts, importsOfTree, resolveImport } from './imports.ts'
import { nestsTooDeep } from './nesting.ts'
import type { PackageView } from './package-view.ts'
import { type CodeFacts, type CodeTree, factsOf, type SourceType, type SyntaxProblem, treeOf } from './parse.ts'
import { type Visitor, walk } from './syntax.ts'

/** True for the names that Node loads as JavaScript. TypeScript and WebAssembly may not be imported, so they are never code. */
export function isCode(path: string): boolean {
  return /\.[cm]?js$/.test(path)
}

const TOO_DEEP: SyntaxProblem = { message: 'the code nests too deeply to be read', offset: 0 }

/** One JavaScript file: parsed once, its tree made only when something in the text calls for it. */
export class CodeFile {
  readonly path: string
  readonly manifest: Manifest
  /** The whole text as Node would read it, without byte order mark; empty when it is too large to be read. */
  readonly text: string
  readonly sourceType: SourceType
  readonly facts: CodeFacts
  #problem: SyntaxProblem | undefined
  #tree: CodeTree | undefined
  #imports: readonly Import[] | undefined
  readonly #has: (path: string) => boolean

  constructor(path: string, pkg: PackageView) {
    const text = pkg.text(path)
    this.path = path
    this.manifest = pkg.manifest
    this.#has = (other) => pkg.has(other)
    this.text = text ?? ''
    this.#problem = text === undefined ? { message: 'the file is too large, or binary', offset: 0 } : readingProblem(path, text, pkg)
    const { sourceType, facts } = this.#problem ? NOTHING : parsed(this.text, path, pkg)
    this.sourceType = sourceType
    this.facts = facts
    this.#problem ??= facts.problem
  }

  /** Why the file cannot be read, or undefined. */
  get problem(): SyntaxProblem | undefined {
    return this.#problem
  }

  /** The tree; undefined when the file cannot be read. */
  get tree(): CodeTree | undefined {
    if (!this.#problem) this.#guarded(() => (this.#tree ??= treeOf(this.text, this.sourceType)))
    return this.#problem ? undefined : this.#tree
  }

  /** Visits each node of the tree, if there is one. */
  visit(visitor: Visitor): void {
    const { tree } = this
    if (tree) this.#guarded(() => walk(tree.program, visitor))
  }

  /** Everything that the file loads: of the tree when it was made, else of the parser's list. */
  get imports(): readonly Import[] {
    if (this.#problem) return []
    this.#imports ??= (this.#tree ? importsOfTree(this.#tree.program) : importsOfFacts(this.facts)).map((site) => this.#resolved(site))
    return this.#imports
  }

  #resolved(site: ImportSite): Import {
    return { ...site, target: site.specifier === undefined ? undefined : resolveImport(site.specifier, site.by, this.path, this.#has) }
  }

  /** A tree that is deeper than JavaScript's stack is one that we cannot read. */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#problem = TOO_DEEP
    }
  }
}

const NOTHING = { sourceType: 'commonjs', facts: { problem: undefined, requests: [], dynamic: false, moduleSyntax: false } } as const

function readingProblem(path: string, text: string, pkg: PackageView): SyntaxProblem | undefined {
  if (text.includes('\ufffd') && !pkg.isUtf8(path)) return { message: 'the file is not UTF-8', offset: text.indexOf('\ufffd') }
  return nestsTooDeep(text) ? TOO_DEEP : undefined
}

/** Reads a file by the grammar that Node would take: by name, by `type`, and where neither says, CommonJS first and then as a module. */
function parsed(text: string, path: string, pkg: PackageView): { sourceType: SourceType; facts: CodeFacts } {
  const known = path.endsWith('.mjs') ? 'module' : path.endsWith('.cjs') ? 'commonjs' : pkg.typeOf(path)
  if (known) return { sourceType: known, facts: factsOf(text, known) }
  const facts = factsOf(text, 'commonjs')
  return facts.moduleSyntax ? { sourceType: 'module', facts: factsOf(text, 'module') } : { sourceType: 'commonjs', facts }
}
