import { CatalystError } from '../../schemas/errors.ts'
import { LIMITS } from '../../schemas/limits.ts'
import { printable } from '../../schemas/printable.ts'

const WINDOWS_RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i
const WINDOWS_FORBIDDEN = /[\\<>:"|?*]/

/**
 * The path of an entry below the package, `''` for the folder `package` itself. A name must mean the same file on
 * every system: no way out of the package, no other spelling of another name, nothing that Windows or macOS reads otherwise.
 * @throws CatalystError ARCHIVE_UNSAFE, ARCHIVE_TOO_LARGE
 */
export function packagePath(path: string): string {
  if (path === 'package') return ''
  if (!path.startsWith('package/')) throw unsafe(path, 'is outside the folder "package"')
  const inside = path.slice('package/'.length)
  if (Buffer.byteLength(inside) > LIMITS.pathMaxBytes) throw new CatalystError('ARCHIVE_TOO_LARGE', `The name of "${inside}" is longer than ${LIMITS.pathMaxBytes} bytes`)
  if (inside.includes('\ufffd')) throw unsafe(path, 'has a name that is not UTF-8')
  if (inside !== printable(inside)) throw unsafe(path, 'has control or invisible characters in its name')
  // A name that ends in a slash has an empty last segment: some readers would see a folder where others see a file.
  for (const segment of inside.split('/')) checkSegment(segment, path)
  return inside
}

function checkSegment(segment: string, path: string): void {
  if (segment === '' || segment === '.' || segment === '..') throw unsafe(path, `has "${segment}" in its path`)
  if (WINDOWS_FORBIDDEN.test(segment)) throw unsafe(path, 'has a character in its name that Windows does not take')
  if (/[. ]$/.test(segment)) throw unsafe(path, 'has a name that ends in a dot or a space')
  if (WINDOWS_RESERVED.test(segment.split('.', 1)[0] ?? '')) throw unsafe(path, 'has the name of a Windows device')
}

/** What two names must not share: file systems that fold case or normalise Unicode would make them one file. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase().normalize('NFC')
}

/** Remembers every name given out and refuses one that is, or would somewhere become, another's. */
export class TakenNames {
  readonly #taken = new Map<string, { readonly path: string; readonly type: 'file' | 'directory' }>()

  /** @throws CatalystError ARCHIVE_UNSAFE */
  take(path: string, type: 'file' | 'directory'): void {
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) this.#claim(path.slice(0, slash), 'directory')
    this.#claim(path, type)
  }

  #claim(path: string, type: 'file' | 'directory'): void {
    const key = folded(path)
    const other = this.#taken.get(key)
    if (!other) this.#taken.set(key, { path, type })
    else if (other.path !== path) throw new CatalystError('ARCHIVE_UNSAFE', `"${other.path}" and "${path}" are the same name where case or Unicode form does not count`)
    else if (other.type !== type) throw new CatalystError('ARCHIVE_UNSAFE', `"${path}" is both a file and a folder`)
    else if (type === 'file') throw new CatalystError('ARCHIVE_UNSAFE', `"${path}" is in the archive twice`)
  }
}

function unsafe(path: string, why: string): CatalystError {
  return new CatalystError('ARCHIVE_UNSAFE', `"${path}" ${why}`)
}
