import { hostMatches, normalizePermissions } from '../../schemas/permissions.ts'
import type { Node } from '../parse.ts'
import type { Rule, Say } from '../rule.ts'
import { bare, memberName } from '../syntax.ts'
import { HOLE, textWithHoles, urlHost, type UrlHost } from '../url-text.ts'

export const hostUndeclared: Rule = {
  id: 'host-undeclared',
  severity: 'error',
  title: 'A plugin asks for every host it sends requests to.',
  hint: 'Add the host to permissions.api of manifest.json.',
  pieces: ['http:', 'https:', 'ws:', 'wss:'],
  visit(file, say) {
    const allowed = normalizePermissions(file.manifest.permissions).api
    const named = new Map<string, { host: UrlHost; offset: number }>()
    const asked = new Set<string>()
    const look = (node: Node, ancestors: readonly Node[]): void => {
      if (isPartOfText(ancestors)) return
      const host = urlHost(textWithHoles(node))
      if (!host || covered(host, allowed) || NEVER_ASKED.test(host.host)) return
      const use = useOf(node, ancestors)
      if (use.kind === 'name') named.set(use.name, { host, offset: node.start })
      else report(host, node.start, use.kind === 'request', say)
    }
    return {
      Literal: look,
      TemplateLiteral: look,
      BinaryExpression: look,
      Identifier(node, ancestors) {
        if (named.size > 0 && useOf(node, ancestors).kind === 'request') asked.add(node.name)
      },
      done() {
        for (const [name, { host, offset }] of named) report(host, offset, asked.has(name), say)
      },
    }
  },
}

/** Names of XML and JSON schemas, and hosts that can never exist (RFC 2606). */
const NEVER_ASKED = /^(www\.w3\.org|json-schema\.org|schema\.org|(.+\.)?example(\.(com|net|org))?|(.+\.)?(invalid|test))$/

const CLIENTS = /^(fetch|axios|got|ky|request|WebSocket|EventSource|Request|sendBeacon)$/
const METHODS = /^(fetch|request|get|post|put|patch|delete|head|send|call)$/
const CLIENT_OBJECTS = /(http|axios|client|api|request|fetch|^got$|^ky$)/i
const BASES = /^(base_?ur[li]|api_?(base|url|root|host)|endpoint)$/i

function report({ host, port }: UrlHost, offset: number, isRequest: boolean, say: Say): void {
  const shown = `${host.replaceAll(HOLE, '*')}${port === undefined ? '' : `:${port}`}`
  if (isRequest) say(offset, `a request to ${shown}, which permissions.api does not name`)
  else say(offset, `the address of ${shown}, which permissions.api does not name`, { severity: 'warning', hint: 'Add the host to permissions.api if the plugin sends requests to it; if it only shows the address, nothing is to be done.' })
}

/** A hole stands for some label: `*.myshopify.com` covers `${shop}.myshopify.com`. */
function covered({ host, port }: UrlHost, allowed: readonly string[]): boolean {
  const name = host.replaceAll(HOLE, 'x')
  return allowed.some((pattern) => hostMatches(`${name}:${port ?? pattern.slice(pattern.lastIndexOf(':') + 1)}`, pattern))
}

function isPartOfText(ancestors: readonly Node[]): boolean {
  const parent = ancestors.at(-1)
  return (parent?.type === 'BinaryExpression' && parent.operator === '+') || parent?.type === 'TemplateLiteral'
}

type Use = { readonly kind: 'request' | 'shown' } | { readonly kind: 'name'; readonly name: string }

/** What becomes of a text: sent to, given a name, or anything else. */
function useOf(node: Node, ancestors: readonly Node[]): Use {
  let from = node
  for (const parent of ancestors.toReversed()) {
    if (parent.type === 'CallExpression' || parent.type === 'NewExpression') {
      const isUrl = bare(parent.callee).type === 'Identifier' && (bare(parent.callee) as { name?: string }).name === 'URL'
      if (isClient(parent.callee) && parent.callee !== from) return { kind: 'request' }
      if (!isUrl) return { kind: 'shown' }
    } else if (parent.type === 'VariableDeclarator') return parent.id.type === 'Identifier' && parent.init === from ? { kind: 'name', name: parent.id.name } : { kind: 'shown' }
    else if (parent.type === 'Property' && parent.key.type === 'Identifier' && BASES.test(parent.key.name)) return { kind: 'request' }
    else if (!PASSES_ON.has(parent.type)) return { kind: 'shown' }
    from = parent
  }
  return { kind: 'shown' }
}

const PASSES_ON = new Set<Node['type']>(['BinaryExpression', 'TemplateLiteral', 'ParenthesizedExpression', 'ConditionalExpression', 'LogicalExpression', 'ObjectExpression', 'Property', 'ArrayExpression', 'SpreadElement', 'AwaitExpression', 'MemberExpression'])

function isClient(callee: Node): boolean {
  const it = bare(callee)
  if (it.type === 'Identifier') return CLIENTS.test(it.name)
  if (it.type !== 'MemberExpression') return false
  const name = memberName(it) ?? ''
  const object = bare(it.object)
  const owner = object.type === 'Identifier' ? object.name : (memberName(object) ?? '')
  return CLIENTS.test(name) || (METHODS.test(name) && CLIENT_OBJECTS.test(owner))
}
