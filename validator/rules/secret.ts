import type { Report } from '../findings.ts'
import type { PackageView } from '../package-view.ts'
import type { Rule } from '../rule.ts'

/*
 * Our own few patterns: secretlint, measured, costs 40 ms to load and 20-40 ms per package, more than everything else
 * together (docs/adr/0003). Token shapes are those that their issuers publish, so that a hit is a token.
 */

interface Shape {
  readonly what: string
  /** A text without this has none. */
  readonly hint: RegExp
  readonly pattern: RegExp
  readonly severity?: 'warning'
}

const SHAPES: readonly Shape[] = [
  { what: 'a private key', hint: /PRIVATE KEY/, pattern: /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|[\s"'`+]){0,20}[A-Za-z0-9+/]{40}/g },
  { what: 'an AWS access key id', hint: /A[KS]IA/, pattern: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g },
  { what: 'a GitHub token', hint: /gh[pousr]_|github_pat_/, pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})/g },
  { what: 'a GitLab token', hint: /glpat-/, pattern: /\bglpat-[A-Za-z0-9_-]{20,}/g },
  { what: 'an npm token', hint: /npm_/, pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { what: 'a Slack token', hint: /xox[a-z]-/, pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{20,}/g },
  { what: 'a Slack webhook', hint: /hooks\.slack/, pattern: /https:\/\/hooks\.slack\.com\/services\/T[A-Z0-9]{6,}\/B[A-Z0-9]{6,}\/[A-Za-z0-9]{16,}/g },
  { what: 'a live Stripe key', hint: /[rs]k_live_/, pattern: /\b(?:sk|rk)_live_[A-Za-z0-9]{16,}/g },
  { what: 'a Stripe webhook secret', hint: /whsec_/, pattern: /\bwhsec_[A-Za-z0-9+/=]{24,}/g },
  { what: 'a Stripe test key', hint: /[rs]k_test_/, pattern: /\b(?:sk|rk)_test_[A-Za-z0-9]{16,}/g, severity: 'warning' },
  { what: 'a Shopify token', hint: /shp(?:at|ca|pa|ss)_/, pattern: /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b/g },
  { what: 'a Google API key', hint: /AIza/, pattern: /\bAIza[A-Za-z0-9_-]{35}/g },
  { what: 'a Google OAuth secret', hint: /GOCSPX-/, pattern: /\bGOCSPX-[A-Za-z0-9_-]{28}/g },
  { what: 'a SendGrid key', hint: /SG\./, pattern: /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/g },
  { what: 'a Mailchimp key', hint: /-us\d/, pattern: /\b[0-9a-f]{32}-us[0-9]{1,2}\b/g },
  { what: 'an Anthropic key', hint: /sk-ant-/, pattern: /\bsk-ant-[A-Za-z0-9_-]{40,}/g },
  { what: 'an OpenAI key', hint: /T3BlbkFJ/, pattern: /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,200}T3BlbkFJ[A-Za-z0-9_-]{20,}/g },
  { what: 'an Azure storage key', hint: /AccountKey=/, pattern: /\bAccountKey=[A-Za-z0-9+/=]{80,}/g },
  { what: 'a URL with a password', hint: /:\/\/[^\s/'"`]*@/, pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@'"`${}<>]{1,80}:[^\s/@'"`${}<>]{3,80}@[a-z0-9.-]+/gi, severity: 'warning' },
  {
    what: 'what looks like a secret',
    hint: /(?:secret|token|passw(?:or)?d|key)['"]?\s{0,4}[:=]\s{0,4}['"`]/i,
    pattern: /(?:secret|token|passw(?:or)?d|api_?-?key|private_?-?key|auth_?-?key)['"]?\s{0,4}[:=]\s{0,4}['"`](?<value>[A-Za-z0-9+/=_-]{20,200})['"`]/gi,
    severity: 'warning',
  },
]

/**
 * Most texts have no hint at all; a few searches are what those cost. Not one for all hints: where any letter can begin
 * one, V8 has to look at each place (12 MB of texts: 120 to 180 ms, like this 75).
 */
const SEARCHES = Object.values(Object.groupBy(SHAPES, ({ hint }) => alike(hint.source))).map((shapes = []) => {
  const all = shapes.map(({ hint }) => hint.source).join('|')
  return new RegExp(all.replace('secret|token|passw(?:or)?d|key', '[Ss]ecret|SECRET|[Tt]oken|TOKEN|[Pp]assw(?:or)?d|PASSW(?:OR)?D|[Kk]ey|KEY'))
})

/** Hints of one answer are searched together: prefixes with an underscore, other fixed texts, and each that repeats something by itself. */
function alike(source: string): string {
  return /[*{]/.test(source) ? source : String(source.includes('_'))
}

const PLACEHOLDER = /example|xxxx|your[_-]|placeholder|changeme|dummy|sample|0{8}|1234567|<|\.\.\./i

export const secret: Rule = {
  id: 'secret',
  severity: 'error',
  title: 'A published package holds no secrets.',
  hint: 'Revoke it now: whoever has the package has the secret. Then take it from host.config.',
  *check(pkg) {
    for (const { path } of pkg.files) {
      const text = pkg.text(path)
      if (text !== undefined && SEARCHES.some((search) => search.test(text))) yield* secretsIn(text, path, pkg)
    }
  },
}

function* secretsIn(text: string, path: string, pkg: PackageView): Iterable<Report> {
  for (const { what, hint, pattern, severity } of SHAPES) {
    if (!hint.test(text)) continue
    for (const match of text.matchAll(pattern)) {
      const assigned = match.groups?.['value']
      if (PLACEHOLDER.test(assigned ?? match[0]) || (assigned !== undefined && !looksRandom(assigned))) continue
      yield { place: pkg.place(path, match.index), message: `${path} holds ${what}`, ...(severity && { severity }) }
    }
  }
}

function looksRandom(text: string): boolean {
  return /\d/.test(text) && /[A-Za-z]/.test(text) && entropy(text) > 4
}

/** Shannon entropy in bits per character: words stay below 4, random base64 of 20 characters and more is above. */
function entropy(text: string): number {
  const counts = new Map<string, number>()
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1)
  return [...counts.values()].reduce((sum, n) => sum - (n / text.length) * Math.log2(n / text.length), 0)
}
