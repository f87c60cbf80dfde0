import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { CodeFacts, Node, Program } from './parse.ts'
import { bare, constantText, isCallee, isTypeof, memberName, walk } from './syntax.ts'

/** One place where code loads other code or data. */
export interface ImportSite {
  /** The specifier as the engine sees it; undefined when it is computed while running. */
  readonly specifier: string | undefined
  /** `require` looks for endings and folders, `import` does not. */
  readonly by: 'import' | 'require'
  readonly offset: number
}

/** An import and what it loads; no target when that is computed while running. */
export interface Import extends ImportSite {
  readonly target: Target | undefined
}

/** What a specifier means. Paths are inside the package. */
export type Target =
  | { readonly kind: 'builtin'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'outside' }
  | { readonly kind: 'bare' }
  | { readonly kind: 'scheme'; readonly scheme: string }

/** The imports of a file whose tree was not needed: it has no `import()` and no `require`. */
export function importsOfFacts(facts: CodeFacts): readonly ImportSite[] {
  return facts.requests.map(({ specifier, offset }) => ({ specifier, offset, by: 'import' }))
}

/** All imports, in source order: static, `import()`, `require()`. */
export function importsOfTree(program: Program): readonly ImportSite[] {
  const imports: ImportSite[] = []
  const add = (source: Node | null | undefined, by: ImportSite['by'], offset: number): void => {
    imports.push({ specifier: source ? constantText(source) : undefined, by, offset })
  }
  walk(program, (node) => {
    if (node.type === 'ImportDeclaration' || node.type === 'ExportAllDeclaration') add(node.source, 'import', node.source.start)
    else if (node.type === 'ExportNamedDeclaration' && node.source) add(node.source, 'import', node.source.start)
    else if (node.type === 'ImportExpression') add(node.source, 'import', node.source.start)
    else if (isRequireCall(node)) add(node.arguments[0], 'require', node.arguments[0]?.start ?? node.start)
  })
  return imports
}

function isRequireCall(node: Node): node is Extract<Node, { type: 'CallExpression' }> {
  return node.type === 'CallExpression' && isRequire(node.callee)
}

function isRequire(node: Node): boolean {
  const it = bare(node)
  return it.type === 'Identifier' && it.name === 'require'
}

/** True where `require` is used as anything but a plain call or a question: an alias that nobody can follow. */
export function isRequireAlias(node: Node, ancestors: readonly Node[]): boolean {
  return isRequire(node) && !isTypeof(ancestors) && !(isCallee(node, ancestors) && ancestors.at(-1)?.type !== 'NewExpression')
}

/** `require.main === module` asks whether a file is the program; nothing is loaded by it. */
export function isMainQuestion(parent: Node | undefined, grandparent: Node | undefined): boolean {
  return parent?.type === 'MemberExpression' && memberName(parent) === 'main' && grandparent?.type === 'BinaryExpression'
}

/** Resolves a specifier as Node would from `from`, inside a package whose files `has` knows. */
export function resolveImport(specifier: string, by: ImportSite['by'], from: string, has: (path: string) => boolean): Target {
  if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier.replace(/^node:/, '') }
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(specifier)?.[1]
  if (scheme !== undefined) return { kind: 'scheme', scheme: scheme.toLowerCase() }
  if (!/^\.{0,2}\/|^\.{1,2}$/.test(specifier)) return { kind: 'bare' }
  const path = by === 'require' ? posix.join(posix.dirname(from), specifier) : urlPath(specifier, from)
  if (path === undefined || specifier.startsWith('/') || path === '..' || path.startsWith('../')) return { kind: 'outside' }
  const found = (by === 'require' ? requireCandidates(path) : [path]).find(has)
  return found === undefined ? { kind: 'missing', path } : { kind: 'file', path: found }
}

/** Specifiers that mean the same as a path and as a URL: nearly all. */
const PLAIN = /^\.{1,2}(\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/
const BASE = 'file:///outside/package/'

/** A module specifier is a URL: `%2e`, `?query` and `\` mean there what they mean in URLs. */
function urlPath(specifier: string, from: string): string | undefined {
  if (PLAIN.test(specifier)) return posix.join(posix.dirname(from), specifier)
  try {
    const url = new URL(specifier, BASE + from.split('/').map(encodeURIComponent).join('/'))
    if (/%2f|%5c/i.test(url.pathname) || !url.href.startsWith(BASE)) return undefined
    return decodeURIComponent(url.pathname.slice(new URL(BASE).pathname.length))
  } catch {
    return undefined
  }
}

function requireCandidates(path: string): readonly string[] {
  const plain = path.replace(/\/$/, '')
  return [plain, `${plain}.js`, `${plain}.json`, `${plain}.node`, `${plain}/index.js`, `${plain}/index.json`, `${plain}/index.node`].map(posix.normalize)
}
