eval('1 + 1') // ERROR: dynamic-code
const run = eval // ERROR: dynamic-code
;(0, eval)('x') // ERROR: dynamic-code
globalThis.eval('x') // ERROR: dynamic-code
globalThis['eval']('x') // ERROR: dynamic-code
globalThis['ev' + 'al']('x') // ERROR: dynamic-code
globalThis[`ev${'al'}`]('x') // ERROR: dynamic-code
global?.eval('x') // ERROR: dynamic-code
globalThis.globalThis.eval('x') // ERROR: dynamic-code
\u0065val('x') // ERROR: dynamic-code
ev\u{61}l('x') // ERROR: dynamic-code
new Function('a', 'return a') // ERROR: dynamic-code
Function('return process')() // ERROR: dynamic-code
const F = Function // ERROR: dynamic-code
Reflect.construct(Function, ['x']) // ERROR: dynamic-code
class Compiler extends Function {} // ERROR: dynamic-code
Function.prototype.constructor('x') // ERROR: dynamic-code
;(() => {}).constructor('x')() // ERROR: dynamic-code
;(async function () {}).constructor('x')() // ERROR: dynamic-code
;(function* () {})['constructor']('x') // ERROR: dynamic-code
const anything = {}
anything.constructor.constructor('x')() // ERROR: dynamic-code
anything['constructor']['constructor']('x')() // ERROR: dynamic-code
''.sub.constructor('x')() // ERROR: dynamic-code
;[]['map'].constructor('x') // ERROR: dynamic-code
anything['con' + 'structor'] // ERROR: dynamic-code
anything['con' /* here */ + 'structor'] // ERROR: dynamic-code
anything['con' + /* and */ 'structor'] // ERROR: dynamic-code
anything[`con${'structor'}`] // ERROR: dynamic-code
anything['con\structor'].constructor('x') // ERROR: dynamic-code
Object.getPrototypeOf(anything).constructor('x') // ERROR: dynamic-code
new anything.constructor('return 1') // ERROR: dynamic-code
setTimeout('x()', 1) // ERROR: dynamic-code
setInterval(`x()`, 1) // ERROR: dynamic-code
globalThis.setTimeout('x' + anything, 1) // ERROR: dynamic-code
Function('return this')() // WARNING: dynamic-code
const { eval: e, Function: G } = globalThis // ERROR: runtime-escape, runtime-escape WARNING: runtime-escape
WebAssembly.instantiate(anything) // WARNING: wasm
export { run, F, e, G, Compiler }
// and these are fine
anything instanceof Function
typeof eval === 'function'
Function.prototype.call.bind(anything)
new anything.constructor(anything)
anything.eval('x')
const method = { eval() {}, Function: 1, constructor: 2 }
setTimeout(() => method, 1)
