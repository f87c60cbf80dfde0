import { CatalystError } from './errors.ts'
import type { PermissionsInput } from './permissions.ts'
import type { Approval, PluginEntry } from './plugin-set.ts'
import { readPluginSet } from './plugin-set-file.ts'
import { deleteInYaml, setInYaml } from './yaml-edit.ts'

/**
 * Edits the text of a valid plugins.yaml. Comments and order survive, lines that an edit has no business with stay byte
 * for byte, and after each edit the file is valid or the edit throws and leaves the text as it was.
 */
export interface PluginSetEditor {
  /** Adds a plugin behind the others. @throws CatalystError CONTRADICTION when it is there already */
  addPlugin(id: string, entry: PluginEntry): PluginSetEditor
  /** Takes a plugin out, with the comment directly above it. @throws CatalystError UNKNOWN_PLUGIN */
  removePlugin(id: string): PluginSetEditor
  /** @throws CatalystError UNKNOWN_PLUGIN, INVALID_RANGE, EMPTY_RANGE */
  setVersion(id: string, range: string): PluginSetEditor
  /** @throws CatalystError UNKNOWN_PLUGIN */
  setPermissions(id: string, permissions: PermissionsInput): PluginSetEditor
  /** Adds versions never to take. @throws CatalystError UNKNOWN_PLUGIN */
  reject(id: string, version: string): PluginSetEditor
  /** Sets these keys of an entry; what is not named stays. A mapping is merged key by key, so that comments in it survive. @throws CatalystError UNKNOWN_PLUGIN */
  change(id: string, keys: PluginEntry): PluginSetEditor
  addApproval(approval: Approval): PluginSetEditor
  toString(): string
}

/** Opens a plugins.yaml for edits. @throws CatalystError as `readPluginSet` */
export function editPluginSet(text: string, file: string): PluginSetEditor {
  return new Editor(text, file)
}

class Editor implements PluginSetEditor {
  readonly #file: string
  #text: string
  #set: ReturnType<typeof readPluginSet>['set']

  constructor(text: string, file: string) {
    this.#file = file
    this.#text = text
    this.#set = readPluginSet(text, file).set
  }

  addPlugin(id: string, entry: PluginEntry): this {
    if (Object.hasOwn(this.#set.plugins, id)) throw new CatalystError('CONTRADICTION', `${id} is in ${this.#file} already`, { hint: `Change its entry, or run \`catalyst update ${id}\`.` })
    return this.#take(setInYaml(this.#text, ['plugins', id], entry))
  }

  removePlugin(id: string): this {
    this.#entry(id)
    return this.#take(deleteInYaml(this.#text, ['plugins', id]))
  }

  setVersion(id: string, range: string): this {
    this.#entry(id)
    return this.#take(setInYaml(this.#text, ['plugins', id, 'version'], range))
  }

  setPermissions(id: string, permissions: PermissionsInput): this {
    this.#entry(id)
    return this.#take(setInYaml(this.#text, ['plugins', id, 'permissions'], permissions))
  }

  reject(id: string, version: string): this {
    const rejected = this.#entry(id).reject ?? []
    return rejected.includes(version) ? this : this.#take(setInYaml(this.#text, ['plugins', id, 'reject'], [...rejected, version]))
  }

  change(id: string, keys: PluginEntry): this {
    this.#entry(id)
    return this.#take(Object.entries(keys).reduce((text, [key, value]) => setInYaml(text, ['plugins', id, key], value), this.#text))
  }

  addApproval(approval: Approval): this {
    const before = this.#set.approvals ?? []
    return this.#take(setInYaml(this.#text, ['approvals', before.length], approval))
  }

  toString(): string {
    return this.#text
  }

  #entry(id: string): PluginEntry {
    const entry = Object.hasOwn(this.#set.plugins, id) ? this.#set.plugins[id] : undefined
    if (!entry) throw new CatalystError('UNKNOWN_PLUGIN', `${id} is not in ${this.#file}`, { hint: `Plugins there: ${Object.keys(this.#set.plugins).join(', ') || 'none'}.` })
    return entry
  }

  #take(text: string): this {
    this.#set = readPluginSet(text, this.#file).set
    this.#text = text
    return this
  }
}
