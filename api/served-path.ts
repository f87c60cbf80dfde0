import { ID_MAX_LENGTH, ID_PATTERN, indexPath } from '../schemas/names.ts'

/** A file of the index folder that may be read by everybody. */
export interface ServedPath {
  /** A name for logs and metrics. */
  readonly kind: 'registry' | 'entry' | 'index' | 'metadata' | 'artifact' | 'bundle'
  /** Relative to the folder; made of the parts below and nothing else. */
  readonly path: string
  readonly contentType: string
  readonly cacheControl: string
  /** Large files that a client may fetch in parts (RFC 9110 14). */
  readonly ranges: boolean
  /** Worth compressing. Never together with `ranges`: a part of one encoding is no part of another. */
  readonly text: boolean
}

const YAML = 'application/yaml; charset=utf-8'
const LINES = 'application/x-ndjson; charset=utf-8'
/** New versions and yanks should be seen soon; a 304 costs next to nothing. */
const SHORT = 'public, max-age=60'
/** A name that is a digest means the same bytes for ever. */
const FOR_EVER = 'public, max-age=31536000, immutable'
const REVALIDATE = 'public, max-age=300'

const ID = new RegExp(ID_PATTERN)
const FILE = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/
const VERSIONED = /^[1-9][0-9]{0,9}\.(root|targets|snapshot|(entries|index)(-bin-[0-9a-f]{1,8})?)\.json$/
const DIGEST_NAME = /^[0-9a-f]{64}\./

/**
 * What a URL's path asks for; undefined for everything that is not plainly a file of an index. There is no list of what
 * is forbidden: only names of the known form lead anywhere, so `..`, encoded or not, leads nowhere. Pure.
 */
export function servedPath(pathname: string): ServedPath | undefined {
  const parts = decoded(pathname)?.split('/').slice(1)
  const [folder, ...rest] = parts ?? []
  const name = rest.at(-1) ?? ''
  switch (folder) {
    case 'registry.yaml':
      return rest.length === 0 ? text('registry', 'registry.yaml', YAML) : undefined
    case 'entries':
      return rest.length === 1 && name.endsWith('.yaml') && isId(name.slice(0, -'.yaml'.length)) ? text('entry', `entries/${name}`, YAML) : undefined
    case 'index':
      return isId(name) && rest.join('/') === indexPath(name) ? text('index', `index/${indexPath(name)}`, LINES) : undefined
    case 'metadata':
      return rest.length === 1 ? metadata(name) : undefined
    case 'upstream':
      return rest.length === 1 && /^[1-9][0-9]{0,9}\.root\.json$/.test(name) ? text('metadata', `upstream/${name}`, 'application/json', FOR_EVER) : undefined
    case 'targets':
      return signedFile(rest) ? text(rest[0] === 'index' ? 'index' : 'entry', `targets/${rest.join('/')}`, rest[0] === 'index' ? LINES : YAML, FOR_EVER) : undefined
    case 'artifacts':
      return rest.length === 1 && FILE.test(name) && name.endsWith('.tgz') ? asset('artifact', name, 'application/gzip') : undefined
    case 'bundles':
      return rest.length === 1 && FILE.test(name) && name.endsWith('.json') ? asset('bundle', name, 'application/json') : undefined
    default:
      return undefined
  }
}

/** TUF metadata: what has its version in its name is written once; a root that is not there yet is asked for at every refresh. */
function metadata(name: string): ServedPath | undefined {
  if (name === 'timestamp.json') return text('metadata', 'metadata/timestamp.json', 'application/json')
  return VERSIONED.test(name) ? text('metadata', `metadata/${name}`, 'application/json', FOR_EVER) : undefined
}

/** A file of the index with its digest before its name, as TUF's consistent snapshots have it. */
function signedFile(parts: readonly string[]): boolean {
  const name = parts.at(-1) ?? ''
  const id = DIGEST_NAME.test(name) ? name.slice(65) : ''
  const plain = [...parts.slice(0, -1), id].join('/')
  return plain === 'registry.yaml' || (id.endsWith('.yaml') && isId(id.slice(0, -'.yaml'.length)) && plain === `entries/${id}`) || (isId(id) && plain === `index/${indexPath(id)}`)
}

function text(kind: ServedPath['kind'], path: string, contentType: string, cacheControl: string = SHORT): ServedPath {
  return { kind, path, contentType, cacheControl, ranges: false, text: true }
}

function asset(kind: 'artifact' | 'bundle', name: string, contentType: string): ServedPath {
  return { kind, path: `${kind}s/${name}`, contentType, cacheControl: DIGEST_NAME.test(name) ? FOR_EVER : REVALIDATE, ranges: true, text: false }
}

function isId(text: string): boolean {
  return text.length <= ID_MAX_LENGTH && ID.test(text)
}

/** Decoded once; undefined for what is no UTF-8. */
function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return undefined
  }
}
