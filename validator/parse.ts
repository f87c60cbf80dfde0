import { type EcmaScriptModule, parseSync, type Program } from 'oxc-parser'

/*
 * The one door to `oxc-parser`. The tree has the ESTree shape in every mode. By default oxc hands its result over as
 * JSON; that costs more than the parsing. Its raw transfer (6 GiB of address space, 40 ms once) leaves the result where
 * Rust wrote it: we take that road for all but the first few small files, and where the machine has the room.
 *
 * oxc keeps every mistake of a text with a picture of the code around it, so that a text made for it (a thousand
 * mistakes in one long line) takes gigabytes. Raw transfer ends there by aborting the process at 2 GiB. Packages of
 * strangers are therefore judged in a process of their own: `apart.ts`.
 */

export type { Node, Program } from 'oxc-parser'
export { visitorKeys } from 'oxc-parser'

/** Which of JavaScript's two grammars a text is read by. CommonJS knows `return`, `with` and HTML comments at the top. */
export type SourceType = 'module' | 'commonjs'

/** Why a text is not JavaScript. */
export interface SyntaxProblem {
  readonly message: string
  readonly offset: number
}

/** A static `import … from` or `export … from`. */
export interface ModuleRequest {
  readonly specifier: string
  readonly offset: number
}

/** What is known of a text without looking at its tree. `export {} from 'x'` is missing in `requests`: oxc keeps no entry for it. */
export interface CodeFacts {
  readonly problem: SyntaxProblem | undefined
  readonly requests: readonly ModuleRequest[]
  /** It has `import()` or `import.meta`. */
  readonly dynamic: boolean
  readonly moduleSyntax: boolean
}

/** A text as a tree. */
export interface CodeTree {
  readonly program: Program
  /** Offsets at which comments start. */
  readonly comments: readonly number[]
}

/** Raw transfer pays for itself after about this much code; a larger file takes it at once, because its memory has an end. */
const RAW_AFTER_CHARS = 250_000
const SMALL_CHARS = 8_000

let seenChars = 0
let rawAllowed = true

/** Parses without building a tree. The text must not nest too deeply (`nesting.ts`): native code cannot catch a stack overflow. */
export function factsOf(text: string, sourceType: SourceType): CodeFacts {
  return transfer(text, { sourceType, experimentalLazy: true }, (result) => {
    const { module, errors } = result
    const first = errors[0]
    return {
      problem: first && { message: first.message, offset: first.labels[0]?.start ?? 0 },
      requests: requestsOf(module),
      dynamic: module.dynamicImports.length > 0 || module.importMetas.length > 0,
      moduleSyntax: module.hasModuleSyntax,
    }
  })
}

/** Parses into an ESTree tree; offsets count UTF-16 code units. @throws RangeError when the tree is too deep for JavaScript */
export function treeOf(text: string, sourceType: SourceType): CodeTree {
  return transfer(text, { sourceType, experimentalRawTransfer: true }, ({ program, comments }) => ({ program, comments: comments.map((c) => c.start) }))
}

/** Much code is coming: what raw transfer costs once is paid now. */
export function expectMuch(): void {
  seenChars = RAW_AFTER_CHARS
  factsOf(';', 'module')
}

type Result = ReturnType<typeof parseSync> & { dispose?(): void }
type Options = { readonly sourceType: SourceType; readonly experimentalLazy?: true; readonly experimentalRawTransfer?: true }

function transfer<T>(text: string, options: Options, take: (result: Result) => T): T {
  seenChars += text.length
  const result: Result = (rawAllowed && (seenChars > RAW_AFTER_CHARS || text.length > SMALL_CHARS) && raw(text, options)) || parseSync('', text, { lang: 'js', sourceType: options.sourceType })
  try {
    return take(result)
  } finally {
    result.dispose?.()
  }
}

/** The same by raw transfer, or undefined where the address space for it cannot be had: then never again. */
function raw(text: string, options: Options): Result | undefined {
  try {
    return parseSync('', text, { lang: 'js', ...options } as Parameters<typeof parseSync>[2])
  } catch (error) {
    // The tree itself can be too deep; that is the caller's to know, and says nothing about the road.
    if (error instanceof RangeError && error.message.includes('call stack')) throw error
    rawAllowed = false
    return undefined
  }
}

function requestsOf(module: EcmaScriptModule): readonly ModuleRequest[] {
  const requests: ModuleRequest[] = []
  for (const { moduleRequest } of module.staticImports) requests.push({ specifier: moduleRequest.value, offset: moduleRequest.start })
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest } of entries) if (moduleRequest) requests.push({ specifier: moduleRequest.value, offset: moduleRequest.start })
  }
  return requests
}
