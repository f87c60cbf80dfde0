/** What a token may allow; each route that changes or shows something not public names one. */
export const SCOPES = {
  ingest: 'ask for a look at a repository before its turn',
  yank: 'mark versions as not to be chosen, and take the mark away',
  advise: 'publish advisories',
  decide: 'reject or withdraw releases, close alarms',
  audit: 'read the audit, alarms and proposals',
} as const

export type Scope = keyof typeof SCOPES

/** What a publisher's workflow may do, with its own plugin alone. */
export const PUBLISHER_SCOPES: readonly Scope[] = ['ingest', 'yank']

export function isScope(text: string): text is Scope {
  return Object.hasOwn(SCOPES, text)
}
