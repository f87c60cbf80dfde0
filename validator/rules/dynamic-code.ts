import type { Node } from '../parse.ts'
import type { Rule, Say } from '../rule.ts'
import { bare, constantText, globalName, isCallee, isReference, isTypeof, memberName, parentOf } from '../syntax.ts'

export const dynamicCode: Rule = {
  id: 'dynamic-code',
  severity: 'error',
  title: 'A plugin makes no code from text while it runs.',
  hint: 'Write the code out; for templates and formulas use a library that interprets instead of compiling.',
  words: ['eval', 'Function', 'constructor', 'setTimeout', 'setInterval', 'setImmediate', 'with'],
  visit: (_file, say) => ({
    Identifier(node, ancestors) {
      if (isReference(node, ancestors)) named(node.name, node, ancestors, say)
    },
    MemberExpression(node, ancestors) {
      const name = globalName(node)
      if (name !== undefined) named(name, node, ancestors, say)
      if (memberName(node) === 'constructor') constructor(node, ancestors, say)
    },
    CallExpression(node) {
      const name = globalName(node.callee) ?? ''
      if (TIMERS.has(name) && node.arguments[0] && isText(node.arguments[0])) say(node.start, `${name} with code as text`)
    },
    WithStatement(node) {
      say(node.start, '`with`: nobody can tell what the names in it mean')
    },
  }),
}

const TIMERS = new Set(['setTimeout', 'setInterval', 'setImmediate'])

function named(name: string, node: Node, ancestors: readonly Node[], say: Say): void {
  if (name === 'eval' && !isTypeof(ancestors)) say(node.start, 'eval')
  if (name === 'Function' && !asksAbout(node, ancestors)) functionUse(node, ancestors, say)
}

/** `Function('return this')()` is how old libraries look for the global object: the text is known, and harmless by itself. */
function functionUse(node: Node, ancestors: readonly Node[], say: Say): void {
  const parent = parentOf(ancestors)
  const [text, ...more] = isCallee(node, ancestors) && parent && 'arguments' in parent ? parent.arguments : []
  const harmless = text !== undefined && more.length === 0 && /^return this;?$/.test(constantText(text) ?? '')
  say(node.start, harmless ? 'Function("return this")' : 'Function makes code from text', harmless ? { severity: 'warning', hint: 'Write globalThis.' } : {})
}

/** `x instanceof Function`, `typeof Function`, `x === Function`, `Function.prototype.call` make nothing. */
function asksAbout(node: Node, ancestors: readonly Node[]): boolean {
  const parent = parentOf(ancestors)
  if (isTypeof(ancestors) || parent?.type === 'BinaryExpression') return true
  return parent?.type === 'MemberExpression' && bare(parent.object) === bare(node) && ['prototype', 'name', 'length'].includes(memberName(parent) ?? '')
}

/** Every function's `constructor` is Function itself: `(() => {}).constructor('code')`, `x.constructor.constructor('code')`. */
function constructor(node: Extract<Node, { type: 'MemberExpression' }>, ancestors: readonly Node[], say: Say): void {
  const object = bare(node.object)
  if (isFunction(object)) return say(node.start, 'the constructor of a function makes code from text')
  if (memberName(object) === 'constructor') return say(node.start, 'the constructor of a constructor makes code from text')
  if (node.computed && bare(node.property).type !== 'Literal') return say(node.start, '"constructor" put together from pieces')
  const parent = parentOf(ancestors)
  if (!isCallee(node, ancestors) || !parent || !('arguments' in parent) || parent.arguments.length === 0) return
  if (parent.type === 'CallExpression') say(node.start, 'a constructor called without new may make code from text')
  else if (parent.arguments.every(isText)) say(node.start, 'a constructor called with text may make code of it')
}

function isFunction(node: Node): boolean {
  if (node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression' || node.type === 'ClassExpression') return true
  // A method of a literal, such as "".sub or [].map, is a function too.
  return node.type === 'MemberExpression' && ['Literal', 'TemplateLiteral', 'ArrayExpression', 'ObjectExpression'].includes(bare(node.object).type) && memberName(node) !== undefined
}

function isText(node: Node): boolean {
  const it = bare(node)
  if (it.type === 'TemplateLiteral') return true
  if (it.type === 'BinaryExpression') return it.operator === '+' && (isText(it.left) || isText(it.right))
  return it.type === 'Literal' && typeof it.value === 'string'
}
