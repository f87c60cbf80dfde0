import type { CodeFile } from '../code-file.ts'
import type { Node } from '../parse.ts'
import type { Rule, Say } from '../rule.ts'
import { bare, globalName, isGlobalObject, isReference, isTypeof, memberName, parentOf } from '../syntax.ts'

/** Members of `process` that reach around imports or at other processes. */
const PROCESS_ESCAPES = new Set(['binding', '_linkedBinding', 'dlopen', 'mainModule', 'getBuiltinModule', 'kill', '_kill', '_debugProcess', '_debugEnd', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups', 'chdir', 'report', 'loadEnvFile', 'execve'])
/** Names so particular that they are refused on any object: `const p = process; p.getBuiltinModule('fs')`. */
const ANYWHERE = new Set(['getBuiltinModule', '_linkedBinding', 'dlopen', 'mainModule', '__lookupGetter__', 'setEngine'])
const META = new Set(['url', 'dirname', 'filename', 'main'])
const MODULE = new Set(['exports', 'id', 'filename', 'path', 'loaded', 'hot'])

export const runtimeEscape: Rule = {
  id: 'runtime-escape',
  severity: 'error',
  title: 'A plugin does not reach around its imports into the runtime.',
  hint: 'Use what host gives; these ways are closed when the plugin runs.',
  words: ['process', 'global', 'globalThis', 'module', 'arguments', 'Reflect', ...ANYWHERE],
  visit: (file, say) => ({
    Identifier(node, ancestors) {
      if (node.name === 'arguments' && file.sourceType === 'commonjs' && !inFunction(ancestors)) say(node.start, "the arguments of a CommonJS file hold Node's own require")
      else if (isReference(node, ancestors) && !isTypeof(ancestors)) reference(node, ancestors, file, say)
    },
    MemberExpression(node, ancestors) {
      const name = memberName(node)
      if (name !== undefined && ANYWHERE.has(name)) say(node.start, `.${name} reaches into the runtime`)
      else if (globalName(node) === 'process') reference(node, ancestors, file, say)
      else if (isGlobalObject(node.object) && name === undefined) say(node.start, 'a member of the global object whose name is computed')
    },
    CallExpression(node) {
      const callee = bare(node.callee)
      const first = node.arguments[0]
      const onReflect = callee.type === 'MemberExpression' && globalName(callee.object) === 'Reflect'
      if (onReflect && first && (isGlobalObject(first) || globalName(first) === 'process')) say(node.start, `Reflect.${memberName(callee) ?? '…'} on ${isGlobalObject(first) ? 'the global object' : 'process'}`)
    },
    MetaProperty(node, ancestors) {
      const parent = parentOf(ancestors)
      if (node.meta.name !== 'import') return
      if (parent?.type === 'MemberExpression' && META.has(memberName(parent) ?? '')) return
      say(node.start, `import.meta${parent?.type === 'MemberExpression' ? `.${memberName(parent) ?? '[…]'}` : ''} asks the runtime about modules`, { severity: 'warning' })
    },
    VariableDeclarator(node) {
      if (node.init) destructured(node.id, node.init, say)
    },
    AssignmentExpression(node) {
      destructured(node.left, node.right, say)
    },
  }),
}

function reference(node: Node, ancestors: readonly Node[], file: CodeFile, say: Say): void {
  const name = globalName(node)
  const parent = parentOf(ancestors)
  const member = parent?.type === 'MemberExpression' && bare(parent.object) === bare(node) ? (memberName(parent) ?? '…') : undefined
  if (name === 'process') processUse(node, member, parent, say)
  else if (name === 'module' && file.sourceType === 'commonjs') moduleUse(node, member, parent, say)
  else if (isGlobalObject(node) && member === undefined && parent?.type !== 'VariableDeclarator') handedOn('the global object', node, parent, say)
  else if (isGlobalObject(node) && member === undefined) say(node.start, 'the global object gets another name', { severity: 'warning' })
}

function processUse(node: Node, member: string | undefined, parent: Node | undefined, say: Say): void {
  if (member === undefined) handedOn('process', node, parent, say)
  else if (member === '…') say(node.start, 'a member of process whose name is computed')
  else if (PROCESS_ESCAPES.has(member) && !ANYWHERE.has(member)) say(node.start, `process.${member} reaches into the runtime`)
}

function moduleUse(node: Node, member: string | undefined, parent: Node | undefined, say: Say): void {
  if (member === undefined) handedOn('module', node, parent, say)
  else if (!MODULE.has(member)) say(node.start, `module.${member} reaches into Node's loader`)
}

/** A value that goes elsewhere is out of sight; a comparison or a condition is not. */
function handedOn(what: string, node: Node, parent: Node | undefined, say: Say): void {
  const asked = parent?.type === 'BinaryExpression' || parent?.type === 'IfStatement' || (parent?.type === 'ConditionalExpression' && bare(parent.test) === bare(node))
  if (!asked) say(node.start, `${what} is handed on: what becomes of it cannot be read off`, { severity: 'warning' })
}

/** `const { getBuiltinModule: load } = process`, `({ process: p } = globalThis)`. */
function destructured(pattern: Node, from: Node, say: Say): void {
  const source = globalName(from)
  if (pattern.type !== 'ObjectPattern' || !(isGlobalObject(from) || source === 'process' || source === 'module' || source === 'require')) return
  for (const property of pattern.properties) {
    const key = property.type === 'Property' && !property.computed && property.key.type === 'Identifier' ? property.key.name : undefined
    const escape = isGlobalObject(from) ? key === undefined || ['eval', 'Function', 'process'].includes(key) : key === undefined || PROCESS_ESCAPES.has(key) || source !== 'process'
    if (escape) say(property.start, `${key ?? 'something computed'} is taken out of ${source ?? 'the global object'}`)
  }
}

function inFunction(ancestors: readonly Node[]): boolean {
  return ancestors.some((node) => node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression')
}
