import type { CodeFile } from './code-file.ts'
import type { Report } from './findings.ts'
import type { PackageView } from './package-view.ts'
import type { Node } from './parse.ts'

/** What a rule wants to see of a tree, by node type. Ancestors: the nearest last; the list is the walk's own. */
export type Visits = { readonly [T in Node['type']]?: (node: Extract<Node, { type: T }>, ancestors: readonly Node[]) => void } & {
  /** After the last node of the file. */
  readonly done?: () => void
}

/** Says something at an offset of the file that is being visited. */
export type Say = (offset: number, message: string, more?: Pick<Report, 'severity' | 'hint'>) => void

/** One rule for plugin packages. Pure: it sees a package in memory and tells what it has against it. */
export interface Rule {
  /** Lower-case words joined by hyphens; stands in findings and in docs. Never reused for another meaning. */
  readonly id: string
  readonly severity: 'error' | 'warning'
  /** What the rule wants, in one sentence. */
  readonly title: string
  /** The author's next step. */
  readonly hint: string
  /** Looks at the package as a whole. */
  readonly check?: (pkg: PackageView) => Iterable<Report>
  /** Looks at the tree of one JavaScript file. */
  readonly visit?: (file: CodeFile, say: Say) => Visits
  /**
   * For rules with `visit`: a text that has none of these words and (in any case of letters) none of these pieces cannot break the rule, so that
   * its tree need not be made. Other spellings (escapes, sums of texts) are looked for once for all rules.
   */
  readonly words?: readonly string[]
  readonly pieces?: readonly string[]
}
