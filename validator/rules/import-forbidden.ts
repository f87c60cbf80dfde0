import { normalizePermissions } from '../../schemas/permissions.ts'
import { builtinAllowed, insteadOf } from '../builtins.ts'
import type { Report } from '../findings.ts'
import type { Target } from '../imports.ts'
import type { PackageView } from '../package-view.ts'
import type { Rule } from '../rule.ts'

const LOADABLE = /\.([cm]?js|json)$/

export const importForbidden: Rule = {
  id: 'import-forbidden',
  severity: 'error',
  title: 'A plugin imports only modules of Node that compute, and its own JavaScript and JSON.',
  hint: 'Do without it; what a plugin may reach comes in through host.',
  *check(pkg) {
    for (const file of pkg.code) {
      for (const { specifier = '', target, offset } of file.imports) {
        const refused = target && refusal(specifier, target, pkg)
        if (refused) yield { place: pkg.place(file.path, offset), ...refused }
      }
    }
  },
}

function refusal(specifier: string, target: Target, pkg: PackageView): Report | undefined {
  switch (target.kind) {
    case 'builtin':
      if (builtinAllowed(target.name)) return undefined
      return { message: `import of node:${target.name}, which plugins may not use`, hint: insteadOf(target.name, normalizePermissions(pkg.manifest.permissions)) }
    case 'scheme':
      return { message: `import of "${specifier.slice(0, 60)}": code comes from the package alone, not from ${target.scheme}: addresses` }
    case 'outside':
      return { message: `import of "${specifier}" leaves the package` }
    case 'file':
      return LOADABLE.test(target.path) ? undefined : { message: `import of ${target.path}, which is neither JavaScript nor JSON`, hint: 'Bundle it into JavaScript.' }
    default:
      return undefined
  }
}
