process.binding('fs') // ERROR: runtime-escape
process['bind' + 'ing']('fs') // ERROR: runtime-escape
process._linkedBinding('fs') // ERROR: runtime-escape
process.dlopen(module, '/tmp/x.node') // ERROR: runtime-escape WARNING: runtime-escape
process.mainModule.require('fs') // ERROR: runtime-escape
process.getBuiltinModule('fs') // ERROR: runtime-escape
globalThis.process.getBuiltinModule('fs') // ERROR: runtime-escape
globalThis['pro' + 'cess'].binding('fs') // ERROR: runtime-escape
process.kill(1, 'SIGKILL') // ERROR: runtime-escape
process[name] // ERROR: runtime-escape
const p = process // WARNING: runtime-escape
p.getBuiltinModule('fs') // ERROR: runtime-escape
const { getBuiltinModule: load } = process // ERROR: runtime-escape WARNING: runtime-escape
const { process: q } = globalThis // ERROR: runtime-escape WARNING: runtime-escape
Reflect.get(process, 'binding') // ERROR: runtime-escape WARNING: runtime-escape
Reflect.get(globalThis, name) // ERROR: runtime-escape WARNING: runtime-escape
Object.values(globalThis) // WARNING: runtime-escape
globalThis[name] // ERROR: runtime-escape
const g = globalThis // WARNING: runtime-escape
g[name]
module.require('fs') // ERROR: runtime-escape
module.constructor._load('fs') // ERROR: runtime-escape
module['constructor'].createRequire('/') // ERROR: runtime-escape
module.children[0] // ERROR: runtime-escape
arguments[1]('fs') // ERROR: runtime-escape
;(() => arguments[1])('fs') // ERROR: runtime-escape
const r = require // ERROR: import-computed
r('fs')
;(0, require)('fs') // ERROR: import-computed
require.cache[name] // ERROR: import-computed
require.main.require('fs') // ERROR: import-computed
require.extensions['.txt'] // ERROR: import-computed
new require('fs') // ERROR: import-computed
require(name) // ERROR: import-computed
require() // ERROR: import-computed
require('fs') // ERROR: import-forbidden
require(`child_process`) // ERROR: import-forbidden
require('f' + 's') // ERROR: import-forbidden
require('./hidden') // ERROR: import-forbidden
require('left-pad') // ERROR: import-unbundled
require('./nowhere') // ERROR: import-missing
require('..') // ERROR: import-forbidden
require('.') // ERROR: import-missing
with (globalThis) { eval } // ERROR: dynamic-code, dynamic-code WARNING: runtime-escape
process.env.HOME // WARNING: environment
process.env[name] // WARNING: environment
a <!-- b // ERROR: misleading-text
--> c // ERROR: misleading-text
module.exports = {}
module.exports.text = '<!-- not a comment -->'
