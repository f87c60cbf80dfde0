import.meta // WARNING: runtime-escape
import.meta[name] // WARNING: runtime-escape
import.meta.resolve('x') // WARNING: runtime-escape
import.meta.dirname
const require_ = (x) => (typeof require !== 'undefined' ? require : x) // WARNING: import-computed
export const setEngine = crypto.setEngine('/tmp/x.so') // ERROR: runtime-escape
// In a module, module and arguments are names like any other.
const module = { children: [] }
module.children.push(require_)
export function size() {
  return arguments.length
}
