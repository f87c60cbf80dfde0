import type { Place, Problem } from '../schemas/errors.ts'

/** One thing that a rule has against a package. `rule` names it in `validator/rules.ts`; severity `error` refuses. */
export interface Finding extends Problem {
  readonly rule: string
  readonly severity: 'error' | 'warning'
}

/** What a rule says; the engine adds the rule's name, and its severity and hint where the report has none of its own. */
export interface Report {
  readonly message: string
  /** Inside the package: `package/index.js`, line and column. Absent when the package as a whole is meant. */
  readonly place?: Place | undefined
  readonly severity?: 'error' | 'warning'
  readonly hint?: string
}
