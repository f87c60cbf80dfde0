import { globSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Finding } from '../../validator/findings.ts'
import type { Package } from '../../validator/package-view.ts'
import type { Manifest } from '../../schemas/manifest.ts'

/** Files by path; a text, or bytes. */
export type Files = Readonly<Record<string, string | Uint8Array>>

const MANIFEST: Manifest = { id: 'sample', name: 'Sample', version: '1.0.0', type: 'generic', main: 'index.js', license: 'MIT' }
const FILES: Files = {
  'index.js': 'export function createPlugin() {\n  return { health: async () => ({ ok: true }) }\n}\n',
  'package.json': '{ "name": "sample", "version": "1.0.0", "type": "module" }\n',
  'manifest.json': '{}\n',
  LICENSE: 'MIT\n',
}

/** A package that no rule has anything against, with what a test makes odd. A file that is undefined is left out. */
export function samplePackage(odd: { files?: Readonly<Record<string, string | Uint8Array | undefined>>; manifest?: Partial<Manifest>; modes?: Readonly<Record<string, string>>; only?: boolean } = {}): Package {
  const bytes = new Map<string, Uint8Array>()
  for (const [path, content] of Object.entries({ ...(odd.only ? {} : FILES), ...odd.files })) {
    if (content !== undefined) bytes.set(path, typeof content === 'string' ? new TextEncoder().encode(content) : content)
  }
  return {
    files: [...bytes].map(([path, b]) => ({ path, mode: odd.modes?.[path] ?? '100644', size: b.length })),
    read: (path) => bytes.get(path),
    manifest: { ...MANIFEST, ...odd.manifest },
  }
}

/** A package of `test/fixtures/plugin-packages/`. Its manifest.json holds what differs from the default one. */
export function fixturePackage(name: string): Package {
  const root = join(import.meta.dirname, '../fixtures/plugin-packages', name)
  const paths = globSync('**/*', { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
  const files = Object.fromEntries(paths.map((path) => [path.split(sep).join('/'), new Uint8Array(readFileSync(join(root, path)))] as const))
  const manifest = files['manifest.json'] ? (JSON.parse(new TextDecoder().decode(files['manifest.json'])) as Partial<Manifest>) : {}
  return samplePackage({ files: { 'index.js': undefined, ...files }, manifest })
}

/** The `// ERROR: rule, rule` and `// WARNING: rule` marks of a package: `package/index.js:3 error rule`, sorted. */
export function marksOf(pkg: Package): readonly string[] {
  return pkg.files.flatMap(({ path }) => {
    const lines = new TextDecoder().decode(pkg.read(path)).split('\n')
    return lines.flatMap((line, i) => [...line.matchAll(/\b(ERROR|WARNING): ([a-z-]+(?:, [a-z-]+)*)/g)].flatMap(([, severity = '', rules = '']) => rules.split(', ').map((rule) => `package/${path}:${i + 1} ${severity.toLowerCase()} ${rule}`)))
  }).sort()
}

/** Findings in the form of marks. */
export function asMarks(findings: readonly Finding[]): readonly string[] {
  return findings.map((f) => `${f.place?.file}:${f.place?.line} ${f.severity} ${f.rule}`).sort()
}

/** `rule severity` of each finding, sorted. */
export function rulesOf(findings: readonly Finding[]): readonly string[] {
  return findings.map((f) => `${f.rule} ${f.severity}`).sort()
}
