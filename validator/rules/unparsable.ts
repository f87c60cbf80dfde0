import type { Finding } from '../findings.ts'
import { mainPath, reachable } from '../reach.ts'
import type { Rule } from '../rule.ts'

export const unparsable: Rule = {
  id: 'unparsable',
  severity: 'error',
  title: 'All JavaScript of a package can be read.',
  hint: 'Pack JavaScript that Node 26 runs, or leave the file out.',
  *check(pkg) {
    const reached = reachable(pkg)
    for (const { path, problem } of pkg.code) {
      if (!problem) continue
      const severity = reached.has(path) ? 'error' : 'warning'
      yield { place: pkg.place(path, problem.offset), message: `${path === mainPath(pkg) ? 'main' : path} cannot be read: ${problem.message}`, severity }
    }
  },
}

/** What is said of a package that could not be judged at all. */
export function rulePackageUnreadable(why: string): Finding {
  const { id, severity, hint } = unparsable
  return { code: 'RULE_FAILED', rule: id, severity, message: `the package cannot be read safely: ${why}`, hint }
}
