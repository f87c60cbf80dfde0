import type { RegistryEntry, RegistryFile } from './registry-entry.ts'

/**
 * True when a registry may send stores to this URL: a release download of one of the entry's repositories, a place
 * under one of the registry's own `artifactHosts`, or a file inside the registry's folder (`file:artifacts/x.tgz`).
 * Compared after URL parsing, so that `..`, credentials and look-alike prefixes gain nothing.
 */
export function artifactUrlAllowed(url: string, entry: RegistryEntry, registry: RegistryFile): boolean {
  if (isFolderUrl(url)) return true
  const releases = entry.repositories.map((r) => `${r.url}/releases/download/`)
  return isBelow(url, [...releases, ...(registry.artifactHosts ?? [])])
}

/** True when a URL lies below one of these, without a user name in it. */
export function isBelow(url: string, prefixes: readonly string[]): boolean {
  const parsed = parse(url)
  if (!parsed || parsed.username !== '' || parsed.password !== '') return false
  return prefixes.some((prefix) => isUnder(parsed, prefix))
}

/** `file:` and a relative path without `..`: a file of the registry's own folder. */
export function isFolderUrl(url: string): boolean {
  const path = /^file:([^/\\?#%][^\\?#%]*)$/.exec(url)?.[1]
  return path !== undefined && !path.split('/').some((part) => part === '' || part === '.' || part === '..')
}

function isUnder(url: URL, prefix: string): boolean {
  const base = parse(prefix.endsWith('/') ? prefix : `${prefix}/`)
  return base !== undefined && url.protocol === base.protocol && url.host === base.host && url.pathname.toLowerCase().startsWith(base.pathname.toLowerCase()) && !/%2f|%5c|%2e/i.test(url.pathname)
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}
