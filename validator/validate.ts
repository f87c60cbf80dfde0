import { byCodeUnit } from '../schemas/digest.ts'
import type { Place } from '../schemas/errors.ts'
import type { CodeFile } from './code-file.ts'
import type { Finding, Report } from './findings.ts'
import { type Package, PackageView } from './package-view.ts'
import type { Node } from './parse.ts'
import type { Rule, Visits } from './rule.ts'
import { RULES } from './rules.ts'
import { needsTree } from './suspicion.ts'

/** Findings of one rule in one package that are told one by one; the rest is counted. */
const MAX_PER_RULE = 50

/**
 * Everything that the rules have against a package, sorted by place. Pure: nothing is read but the package, nothing of
 * it is run. Empty when there is nothing to say; a finding of severity `error` refuses the package.
 *
 * These are static rules: they keep honest authors from mistakes and make dishonest ones visible. What code may really
 * do is decided when it runs, by the host's permissions (docs/trust-model.md).
 */
export function validate(pkg: Package, options: { readonly everyTree?: boolean } = {}): readonly Finding[] {
  const view = new PackageView(pkg)
  const reports = new Map<Rule, Report[]>(RULES.map((rule) => [rule, []]))
  // Trees first: whether a file can be read at all shows only then.
  for (const file of view.code) if (options.everyTree || needsTree(file)) visitFile(file, view, reports)
  for (const rule of RULES) reports.get(rule)?.push(...(rule.check?.(view) ?? []))
  return [...reports].flatMap(([rule, said]) => findings(rule, said)).sort(byPlace)
}

type Handler = (node: Node, ancestors: readonly Node[]) => void

function visitFile(file: CodeFile, view: PackageView, reports: ReadonlyMap<Rule, Report[]>): void {
  const handlers = new Map<string, Handler[]>()
  const ends: (() => void)[] = []
  for (const rule of RULES) {
    if (!rule.visit) continue
    const say = (offset: number, message: string, more?: object) => reports.get(rule)?.push({ place: view.place(file.path, offset), message, ...more })
    const { done, ...visits } = rule.visit(file, say)
    if (done) ends.push(done)
    for (const [type, handler] of Object.entries(visits as Visits)) handlers.set(type, [...(handlers.get(type) ?? []), handler as Handler])
  }
  file.visit((node, ancestors) => {
    for (const handler of handlers.get(node.type) ?? []) handler(node, ancestors)
  })
  for (const end of ends) end()
}

function findings(rule: Rule, reports: readonly Report[]): readonly Finding[] {
  const told = reports.length > MAX_PER_RULE ? [...reports.slice(0, MAX_PER_RULE), { message: `and ${reports.length - MAX_PER_RULE} more of the same kind` }] : reports
  return told.map(({ message, place, severity, hint }: Report) => ({
    code: 'RULE_FAILED',
    rule: rule.id,
    severity: severity ?? rule.severity,
    message,
    hint: hint ?? rule.hint,
    ...(place && { place }),
  }))
}

function byPlace(a: Finding, b: Finding): number {
  return byCodeUnit(a.place?.file ?? '', b.place?.file ?? '') || order(a.place, b.place, 'line') || order(a.place, b.place, 'column') || byCodeUnit(a.rule, b.rule) || byCodeUnit(a.message, b.message)
}

function order(a: Place | undefined, b: Place | undefined, key: 'line' | 'column'): number {
  return (a?.[key] ?? 0) - (b?.[key] ?? 0)
}
