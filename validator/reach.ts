import { posix } from 'node:path'
import type { PackageView } from './package-view.ts'

/** The path of `main` as the files spell it. */
export function mainPath(pkg: PackageView): string {
  return posix.normalize(pkg.manifest.main)
}

/** The files that loading `main` can reach by imports that can be read off. */
export function reachable(pkg: PackageView): ReadonlySet<string> {
  const code = new Map(pkg.code.map((file) => [file.path, file]))
  const seen = new Set<string>()
  const open = [mainPath(pkg)]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue
    seen.add(path)
    for (const { target } of code.get(path)?.imports ?? []) if (target?.kind === 'file') open.push(target.path)
  }
  return seen
}
