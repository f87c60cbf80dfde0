import { type Node, type Program, visitorKeys } from './parse.ts'

/* What the code rules ask of a tree. Everything here is syntax: names are taken at their word, values are not followed. */

/** Called with each node and its ancestors, the nearest last. The list is the walk's own: do not keep it. */
export type Visitor = (node: Node, ancestors: readonly Node[]) => void

/** Visits every node, parents first, in source order. @throws RangeError when the tree is deeper than JavaScript's stack */
export function walk(program: Program, visit: Visitor): void {
  const ancestors: Node[] = []
  const go = (node: Node): void => {
    visit(node, ancestors)
    ancestors.push(node)
    for (const key of visitorKeys[node.type] ?? []) {
      const child = (node as unknown as Record<string, unknown>)[key]
      if (!Array.isArray(child)) {
        if (child) go(child as Node)
        continue
      }
      for (const item of child) if (item) go(item as Node)
    }
    ancestors.pop()
  }
  go(program)
}

/** The expression without the parentheses around it. */
export function bare(node: Node): Node {
  let inner = node
  while (inner.type === 'ParenthesizedExpression' || inner.type === 'ChainExpression') inner = inner.expression
  return inner
}

/** The text that an expression is, when it can be read off: literals, templates of such, and sums of such. */
export function constantText(node: Node): string | undefined {
  const it = bare(node)
  if (it.type === 'Literal') return typeof it.value === 'string' ? it.value : undefined
  if (it.type === 'TemplateLiteral') return joined(it.quasis.map((q) => q.value.cooked ?? undefined), it.expressions.map(constantText))
  if (it.type === 'BinaryExpression' && it.operator === '+') return joined([constantText(it.left), constantText(it.right)], [''])
  return undefined
}

function joined(texts: readonly (string | undefined)[], between: readonly (string | undefined)[]): string | undefined {
  let all = ''
  for (const [i, text] of texts.entries()) {
    const next = i < texts.length - 1 ? between[i] : ''
    if (text === undefined || next === undefined) return undefined
    all += text + next
  }
  return all
}

/** The name of a member access: `a.b`, `a['b']`, `a['b' + 'c']`; undefined when it is computed, or no member access. */
export function memberName(node: Node): string | undefined {
  const it = bare(node)
  if (it.type !== 'MemberExpression') return undefined
  if (it.computed) return constantText(it.property)
  return it.property.type === 'Identifier' ? it.property.name : undefined
}

/** True for the names of the global object. `self` and `window` are none in Node. */
export function isGlobalObject(node: Node): boolean {
  const it = bare(node)
  if (it.type === 'Identifier') return it.name === 'globalThis' || it.name === 'global'
  return it.type === 'MemberExpression' && isGlobalObject(it.object) && ['globalThis', 'global'].includes(memberName(it) ?? '')
}

/** The global that an expression names: `eval`, `globalThis.eval`, `global['ev' + 'al']` are all `eval`. */
export function globalName(node: Node): string | undefined {
  const it = bare(node)
  if (it.type === 'Identifier') return it.name
  return it.type === 'MemberExpression' && isGlobalObject(it.object) ? memberName(it) : undefined
}

/** True when an identifier stands for a value, not for a key, a label, a new binding or a name in an import or export list. */
export function isReference(node: Node, ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1)
  switch (parent?.type) {
    case 'MemberExpression':
      return parent.object === node || parent.computed
    case 'Property':
      return parent.value === node ? ancestors.at(-2)?.type !== 'ObjectPattern' : parent.computed
    case 'MethodDefinition':
    case 'PropertyDefinition':
    case 'AccessorProperty':
      return parent.value === node || parent.computed
    case 'VariableDeclarator':
      return parent.init === node
    case 'AssignmentPattern':
      return parent.right === node
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ClassDeclaration':
    case 'ClassExpression':
      return 'superClass' in parent && parent.superClass === node
    case 'ArrowFunctionExpression':
      return parent.body === node
    case 'ExportSpecifier':
      return parent.local === node
    case 'ImportSpecifier':
    case 'ImportDefaultSpecifier':
    case 'ImportNamespaceSpecifier':
    case 'ImportAttribute':
    case 'LabeledStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
    case 'CatchClause':
    case 'RestElement':
    case 'ArrayPattern':
    case 'MetaProperty':
      return false
    default:
      return true
  }
}

/** The nearest ancestor that is not a parenthesis. */
export function parentOf(ancestors: readonly Node[]): Node | undefined {
  return ancestors.findLast((node) => node.type !== 'ParenthesizedExpression' && node.type !== 'ChainExpression')
}

/** True when the expression is called or constructed: it is the callee of its parent. */
export function isCallee(node: Node, ancestors: readonly Node[]): boolean {
  const parent = parentOf(ancestors)
  return (parent?.type === 'CallExpression' || parent?.type === 'NewExpression') && bare(parent.callee) === bare(node)
}

/** True inside `typeof x`, where a name is only asked after. */
export function isTypeof(ancestors: readonly Node[]): boolean {
  const parent = parentOf(ancestors)
  return parent?.type === 'UnaryExpression' && parent.operator === 'typeof'
}
