import type { Rule } from '../rule.ts'

export const needlessFile: Rule = {
  id: 'needless-file',
  severity: 'warning',
  title: 'A package holds what a plugin needs when it runs: no source maps, hidden files or archives.',
  hint: 'List what to pack under `files` in package.json.',
  *check(pkg) {
    for (const { path } of pkg.files) {
      const kind = kindOf(path)
      if (kind) yield { place: pkg.place(path), message: `${path} is ${kind}` }
    }
  },
}

function kindOf(path: string): string | undefined {
  if (/\.(c|m)?js\.map$|\.css\.map$/.test(path)) return 'a source map'
  if (path.split('/').some((segment) => segment.startsWith('.'))) return 'a hidden file'
  if (/\.(zip|tgz|tar|gz|br|zst|7z|rar|xz|bz2|jar)$/i.test(path)) return 'an archive, which these rules do not open'
  return undefined
}
