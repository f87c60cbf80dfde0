/*
 * Plugin ids (RECONCILER.md): lower-case words joined by single hyphens, at most 40 characters. Reserved are the device
 * names of Windows (an id is a folder name) and the names that JavaScript objects inherit (an id is a key).
 */
const WORDS = '[a-z][a-z0-9]*(-[a-z0-9]+)*'
const RESERVED_WORDS = 'con|prn|aux|nul|com[0-9]|lpt[0-9]|constructor|prototype'

export const ID_PATTERN = `^(?!(${RESERVED_WORDS})$)${WORDS}$`
export const ID_MAX_LENGTH = 40

const ID = new RegExp(`^${WORDS}$`)
const RESERVED = new RegExp(`^(${RESERVED_WORDS})$`)

/** Why a text cannot be a plugin id, or undefined when it can. */
export function idProblem(id: string): 'INVALID_ID' | 'RESERVED_ID' | undefined {
  if (id.length > ID_MAX_LENGTH || !ID.test(id)) return 'INVALID_ID'
  if (RESERVED.test(id)) return 'RESERVED_ID'
  return undefined
}

/** Folder of an index file in cargo's sparse layout: `a` -> `1/a`, `ab` -> `2/ab`, `abc` -> `3/a/abc`, `abcd` -> `ab/cd/abcd`. */
export function indexPath(id: string): string {
  if (id.length <= 2) return `${id.length}/${id}`
  if (id.length === 3) return `3/${id[0]}/${id}`
  return `${id.slice(0, 2)}/${id.slice(2, 4)}/${id}`
}

/** The release tags that name a version of a plugin, best first: `v1.2.3` (single-plugin repositories), `<id>@1.2.3`, `<id>-v1.2.3`. */
export function tagsFor(id: string, version: string): readonly string[] {
  return [`v${version}`, `${id}@${version}`, `${id}-v${version}`]
}

/** Artifact file name of a release. Its bundle is the same name with `.sigstore.json`. */
export function artifactName(id: string, version: string): string {
  return `${id}-${version}.tgz`
}

/** True for the keys that could reach an object's prototype; no file of ours may have one. */
export function forbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}
