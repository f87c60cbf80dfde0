import { printable } from './printable.ts'

/** What the loop does next with an error: never again by itself, again after a pause, again on the next pass, or wait for a person. */
export type Retry = 'never' | 'backoff' | 'next-pass' | 'decision'

/** One row of the error table. `exit` is the process exit code of RECONCILER.md. */
export interface ErrorRow {
  readonly retry: Retry
  readonly exit: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7
  readonly hint: string
}

/**
 * Every code that we print. The hint is the next step for the reader; a caller may give a more exact one.
 * `docs/errors.md` is made from this table by `npm run schemas`.
 */
export const ERRORS = {
  // usage and environment
  USAGE: { retry: 'never', exit: 1, hint: 'Run `catalyst --help` for the commands and their options.' },
  NODE_TOO_OLD: { retry: 'never', exit: 1, hint: 'Install Node 26 (npm i -D node@26.10.0) and run the command again with `npx`.' },
  INTERNAL: { retry: 'never', exit: 1, hint: 'This is a defect of ours. Please report it with the output of the same command and `--json`.' },
  DISK_FULL: { retry: 'backoff', exit: 1, hint: 'Free some space (`catalyst gc` removes what no generation uses) and run the command again.' },
  READ_ONLY: { retry: 'never', exit: 1, hint: 'Give this user write access to the folder, or name another one.' },
  FILE_NOT_FOUND: { retry: 'never', exit: 1, hint: 'Check the path.' },
  FILE_UNREADABLE: { retry: 'next-pass', exit: 1, hint: 'Check the permissions of the file; nothing was changed.' },
  FILE_TOO_LARGE: { retry: 'never', exit: 1, hint: 'Make the file smaller than the limit that the message names.' },
  NOT_UTF8: { retry: 'never', exit: 1, hint: 'Save the file as UTF-8 without other encodings mixed in.' },
  BUSY: { retry: 'backoff', exit: 7, hint: 'Another apply holds the lease; wait for it, or look with `catalyst lease`.' },
  LEASE_LOST: { retry: 'next-pass', exit: 7, hint: 'Another process took the lease over; run `catalyst status`, then the command again.' },
  CLOCK_SKEW: { retry: 'never', exit: 5, hint: 'Set the clock of this machine (NTP) and run the command again.' },

  // plugins.yaml and other YAML and JSON input
  YAML_SYNTAX: { retry: 'never', exit: 1, hint: 'Correct the YAML at the place named.' },
  YAML_DUPLICATE_KEY: { retry: 'never', exit: 1, hint: 'Keep one of the two keys.' },
  YAML_TAB: { retry: 'never', exit: 1, hint: 'Indent with spaces; YAML forbids tabs there.' },
  YAML_ALIAS: { retry: 'never', exit: 1, hint: 'Write the value out; anchors and aliases are not taken here.' },
  JSON_SYNTAX: { retry: 'never', exit: 1, hint: 'Correct the JSON at the place named.' },
  UNKNOWN_KEY: { retry: 'never', exit: 1, hint: 'Remove the key or correct its spelling.' },
  FORBIDDEN_KEY: { retry: 'never', exit: 1, hint: 'Rename the key; this name could change objects that are not yours.' },
  MISSING_KEY: { retry: 'never', exit: 1, hint: 'Add the key.' },
  WRONG_TYPE: { retry: 'never', exit: 1, hint: 'Write a value of the kind named.' },
  INVALID_VALUE: { retry: 'never', exit: 1, hint: 'Write one of the values allowed.' },
  UNQUOTED_VERSION: { retry: 'never', exit: 1, hint: 'Put the version in quotes: YAML reads 2.10 as the number 2.1.' },
  INVALID_ID: { retry: 'never', exit: 1, hint: 'Ids are lower-case words joined by hyphens, at most 40 characters: `stripe-payments`.' },
  RESERVED_ID: { retry: 'never', exit: 1, hint: 'Choose another id; this one is a device name on Windows.' },
  INVALID_RANGE: { retry: 'never', exit: 1, hint: 'Write a semver range such as ^2.1.0, ~2.1.0, 2.x or 2.1.3.' },
  EMPTY_RANGE: { retry: 'never', exit: 1, hint: 'No version can satisfy this range; correct its bounds.' },
  CONTRADICTION: { retry: 'never', exit: 1, hint: 'Keep one of the two statements.' },
  UNSUPPORTED_FORMAT: { retry: 'never', exit: 1, hint: 'Update @catalyst/plugins: the file was written for a newer version.' },
  UNKNOWN_REGISTRY: { retry: 'never', exit: 1, hint: 'Name one of the registries under `registries:`.' },
  SCHEMA_UNSUPPORTED: { retry: 'never', exit: 1, hint: 'Use the subset of JSON Schema named in docs/formats.md.' },
  CONFIG_INVALID: { retry: 'never', exit: 1, hint: 'Correct `config` of the plugin as its schema says.' },
  CONFIG_UNCHECKED: { retry: 'next-pass', exit: 5, hint: 'Run `catalyst lock` where the package can be fetched; `apply` checks the config in any case before it goes live.' },
  SECRET_MISSING: { retry: 'never', exit: 1, hint: 'Set the variable or create the file that the reference names.' },

  // finding and resolving
  UNKNOWN_PLUGIN: { retry: 'never', exit: 1, hint: 'Check the id, or add the registry or the `source:` that has it.' },
  NO_VERSION: { retry: 'never', exit: 1, hint: 'Widen the range, or ask the publisher.' },
  CONFLICT: { retry: 'never', exit: 1, hint: 'Change one of the clauses named in the derivation.' },
  GRANT_MISSING: { retry: 'decision', exit: 3, hint: 'Write the `permissions:` shown under the plugin in plugins.yaml.' },
  SIGNER_MISSING: { retry: 'decision', exit: 3, hint: 'Write the `signer:` shown under the plugin in plugins.yaml.' },
  APPROVAL_MISSING: { retry: 'decision', exit: 3, hint: 'Add the approval shown to `approvals:` in plugins.yaml.' },
  DECISION_REQUIRED: { retry: 'decision', exit: 3, hint: 'Answer in plugins.yaml as shown.' },
  MASS_REMOVAL: { retry: 'decision', exit: 3, hint: 'Add `- { removals: [...] }` to `approvals:` if all of them shall go.' },
  IN_USE: { retry: 'decision', exit: 3, hint: 'Remove the dependents first, or with `--with-dependents`.' },

  // the lock
  LOCK_MISSING: { retry: 'never', exit: 4, hint: 'Run `catalyst lock` and commit plugins.lock.yaml.' },
  LOCK_STALE: { retry: 'never', exit: 4, hint: 'Run `catalyst lock` and commit plugins.lock.yaml.' },
  LOCK_INVALID: { retry: 'never', exit: 1, hint: 'Restore plugins.lock.yaml from git, then run `catalyst lock`.' },
  LOCK_EDITED: { retry: 'never', exit: 5, hint: 'Restore plugins.lock.yaml from git, then run `catalyst lock`; the file is not edited by hand.' },
  LOCK_CONFLICT: { retry: 'never', exit: 1, hint: 'Run `catalyst lock --merge`.' },
  LOCK_TOO_NEW: { retry: 'never', exit: 1, hint: 'Update @catalyst/plugins to the version named.' },
  PLAN_CHANGED: { retry: 'decision', exit: 3, hint: 'Read the new plan, then apply with its digest.' },

  // the world: network, index, GitHub
  SOURCE_UNREACHABLE: { retry: 'backoff', exit: 5, hint: 'Check the network and the token; the next pass retries. Nothing was changed.' },
  RATE_LIMITED: { retry: 'backoff', exit: 5, hint: 'Set GITHUB_TOKEN, or wait until the time named.' },
  UNAUTHORIZED: { retry: 'never', exit: 5, hint: 'Set GITHUB_TOKEN to a token that may read the repository.' },
  NOT_FOUND: { retry: 'never', exit: 5, hint: 'Check the address; a private repository needs GITHUB_TOKEN.' },
  FOREIGN_URL: { retry: 'never', exit: 5, hint: 'The address is not one that this source may use. Run `catalyst lock` from a clean checkout.' },
  INDEX_INVALID: { retry: 'next-pass', exit: 5, hint: 'Tell the maintainers of the registry.' },
  INDEX_STALE: { retry: 'backoff', exit: 5, hint: 'The index is older than allowed; check the registry and the clock.' },
  INDEX_UNTRUSTED: { retry: 'never', exit: 5, hint: 'The index is not signed as the pinned root asks. Lock nothing from it; ask the maintainers of the registry.' },
  INDEX_REWRITTEN: { retry: 'never', exit: 5, hint: 'The registry rewrote its history. Ask its maintainers before locking again.' },
  INDEX_LINE_WIDER: { retry: 'never', exit: 5, hint: 'The line claims more than its reviewed entry allows. Tell the maintainers of the registry.' },
  INDEX_MANIFEST_MISMATCH: { retry: 'never', exit: 5, hint: 'The index and the package disagree. Tell the maintainers of the registry.' },
  SIGNATURES_MISSING: { retry: 'decision', exit: 3, hint: 'Let the maintainers named run `catalyst registry keys sign`, commit, and publish again.' },
  KEY_INVALID: { retry: 'never', exit: 1, hint: 'Name the key file that was made for this (`--key`), and its passphrase.' },
  REGISTRY_SHADOWED: { retry: 'decision', exit: 3, hint: 'Pin the registry of the plugin with `registry:` in plugins.yaml.' },
  AUTHORITY_UNCHECKED: { retry: 'next-pass', exit: 5, hint: 'The lock block is new and its identity could not be checked outside the lock; make the registry reachable, or write `signer:`.' },
  AUTHORITY_MISMATCH: { retry: 'never', exit: 5, hint: 'The lock names another publisher than the registry. Restore the lock from git and run `catalyst lock`.' },

  // release and proof
  ASSET_MISSING: { retry: 'never', exit: 5, hint: 'Ask the publisher to attach the artifact to the release.' },
  BUNDLE_MISSING: { retry: 'never', exit: 5, hint: 'Ask the publisher for a signed release; an unsigned source needs `verify: { unsigned: true, sha256: … }`.' },
  VERSION_TAKEN: { retry: 'never', exit: 5, hint: 'Release it under a version of its own: 1.2.4, not 1.2.3+fix.' },
  DIGEST_MISMATCH: { retry: 'never', exit: 5, hint: 'Ask the publisher; re-lock only after they confirm a re-release.' },
  SIZE_MISMATCH: { retry: 'backoff', exit: 5, hint: 'The download is shorter or longer than declared; the next pass tries again.' },
  TRUST_ROOT_INVALID: { retry: 'never', exit: 5, hint: 'Check the trusted root file that the registry names.' },
  BUNDLE_INVALID: { retry: 'never', exit: 5, hint: 'The file is not a Sigstore bundle that we can read; ask the publisher.' },
  SIGNATURE_INVALID: { retry: 'never', exit: 5, hint: 'The signature does not hold under the trust profile of this source. Do not install; ask the publisher.' },
  PROVENANCE_MISSING: { retry: 'never', exit: 5, hint: 'The bundle carries no SLSA provenance v1; ask the publisher to attest the build.' },
  SUBJECT_MISMATCH: { retry: 'never', exit: 5, hint: 'The bundle belongs to another artifact. Do not install; ask the publisher.' },
  IDENTITY_MISMATCH: { retry: 'never', exit: 5, hint: 'Somebody else signed this than the one named. Do not install; ask the publisher.' },
  IDENTITY_EMPTY: { retry: 'never', exit: 5, hint: 'Name the identity and the issuer that must have signed.' },

  // the package
  ARCHIVE_INVALID: { retry: 'never', exit: 5, hint: 'Ask the publisher to pack again with `npm pack` layout.' },
  ARCHIVE_UNSAFE: { retry: 'never', exit: 5, hint: 'The archive tries to write where it must not. Do not install; tell the registry.' },
  ARCHIVE_TOO_LARGE: { retry: 'never', exit: 5, hint: 'The archive is over the limits of docs/formats.md; ask the publisher to make it smaller.' },
  MANIFEST_MISSING: { retry: 'never', exit: 5, hint: 'The package has no package/manifest.json; ask the publisher.' },
  MANIFEST_INVALID: { retry: 'never', exit: 5, hint: 'Ask the publisher to correct manifest.json.' },
  MANIFEST_MISMATCH: { retry: 'never', exit: 5, hint: 'Id, version or contents differ from the lock. Do not install; ask the publisher.' },
  TREE_MISMATCH: { retry: 'never', exit: 5, hint: 'The unpacked files differ from the lock; run `catalyst apply` to unpack them again.' },
  RULE_FAILED: { retry: 'never', exit: 5, hint: 'The package breaks a rule for plugins; ask the publisher, or choose another version.' },

  // applying
  PROBE_FAILED: { retry: 'never', exit: 1, hint: 'The new code did not start; the old version stays live. Ask the publisher, or choose another version.' },
  JOURNAL_INVALID: { retry: 'never', exit: 1, hint: 'Run `catalyst apply`: what the journal does not tell is looked up again.' },
  STATE_UNAVAILABLE: { retry: 'backoff', exit: 1, hint: 'The store database could not be opened; check `store.database`.' },
  STATE_INVALID: { retry: 'never', exit: 1, hint: 'The store database holds records that this version cannot read; update @catalyst/plugins.' },
  // the plugins' own data
  DATABASE_RIGHTS: { retry: 'next-pass', exit: 1, hint: 'Let an administrator of the database run the SQL that is shown; nothing was changed.' },
  MIGRATION_REFUSED: { retry: 'never', exit: 1, hint: 'A migration may change what lies under its own plugin’s name and nothing else. Ask the publisher for a corrected version; the old one stays live.' },
  MIGRATION_FAILED: { retry: 'never', exit: 1, hint: 'The database refused the migration and nothing of it stands; the old version stays live. Ask the publisher, or choose another version.' },
  MIGRATION_TIMEOUT: { retry: 'never', exit: 1, hint: 'The migration was stopped and nothing of it stands. Try again when the store is quiet, or ask the publisher.' },
  MIGRATION_CHANGED: { retry: 'never', exit: 1, hint: 'What was applied must stay as it was and where it was in the order. Ask the publisher for a version with a new migration instead.' },
  MIGRATION_IRREVERSIBLE: { retry: 'never', exit: 1, hint: 'Restore a backup (`catalyst backups`), or stay on this version.' },
  TABLE_IN_USE: { retry: 'decision', exit: 3, hint: 'Remove what uses the tables first, or keep them: `uninstall: { tables: keep }`.' },
  BACKUP_FAILED: { retry: 'backoff', exit: 1, hint: 'Nothing was removed. Correct what the message names and run the command again.' },
  BACKUP_DAMAGED: { retry: 'never', exit: 1, hint: 'Nothing was changed. Choose another backup: `catalyst backups`.' },
  BACKUP_NEWER: { retry: 'never', exit: 1, hint: 'Update @catalyst/plugins: the backup was written by a newer version.' },
  BACKUP_FOREIGN: { retry: 'never', exit: 1, hint: 'A backup goes back to the store and the kind of database that it came from.' },
  TOMBSTONE_STALE: { retry: 'never', exit: 1, hint: 'Name the version that was removed, as `catalyst status` shows it, or take the line out of `removed:`.' },
  REATTACH_CONFLICT: { retry: 'decision', exit: 3, hint: 'Choose a version whose migrations begin with those that were applied, or let the old tables go first: `removed:`.' },

  AUDIT_BROKEN: { retry: 'never', exit: 5, hint: 'Somebody wrote to the audit past this program. Compare with a backup of the database and with heads kept elsewhere (`catalyst audit --head`).' },

  // the registry
  CURSOR_INVALID: { retry: 'never', exit: 1, hint: 'Take the cursor from the answer before, unchanged and with the same filters, or begin without one.' },
  PLUGIN_KILLED: { retry: 'never', exit: 5, hint: 'The registry has put this plugin on its kill list. Remove it; ask the maintainers of the registry why.' },
  PUSH_REJECTED: { retry: 'backoff', exit: 1, hint: 'Look at the rules of the branch: the bot must be allowed to push to it. Nothing is lost; the next pass tries again.' },
  ENTRY_LOOKALIKE: { retry: 'decision', exit: 3, hint: 'A maintainer decides: approve the id in the pull request, or ask for another one.' },
  ENTRY_MISMATCH: { retry: 'never', exit: 1, hint: 'Write what GitHub says; the numbers of a repository stand in https://api.github.com/repos/OWNER/NAME.' },
  WORKFLOW_MISSING: { retry: 'never', exit: 1, hint: 'Name the workflow that signs, as it stands on the default branch.' },
  PERMISSIONS_WIDE: { retry: 'decision', exit: 3, hint: 'A maintainer decides: name what is needed, host by host and table by table.' },
  DELIVERY_INVALID: { retry: 'never', exit: 1, hint: 'Send what GitHub sends: a delivery id, an event and its payload.' },

  // generations
  GENERATION_UNKNOWN: { retry: 'never', exit: 1, hint: 'List the generations with `catalyst generations`.' },
  ROLLBACK_IMPOSSIBLE: { retry: 'never', exit: 1, hint: 'The code of that generation is not kept any more; lock the older version instead.' },
  NOT_INSTALLED: { retry: 'never', exit: 1, hint: 'List what is installed with `catalyst status`.' },
  DRIFTED: { retry: 'next-pass', exit: 6, hint: 'See the repair with `catalyst plan --check`, make it with `catalyst apply --check`.' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** A place in a file a person can edit. `line` and `column` start at 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** One thing that is wrong. Validators return all of them at once. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly place?: Place
  readonly hint?: string
  /** `error` (default) refuses, `warning` is shown and lets pass. */
  readonly severity?: 'error' | 'warning'
}

/** What a `CatalystError` may carry besides code and message. */
export interface ErrorDetails {
  readonly place?: Place | undefined
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** When several problems were found, all of them; the error's own message is then their summary. */
  readonly problems?: readonly Problem[] | undefined
}

/**
 * The only error class. The message says what and which; it is made safe for terminals and stripped of
 * credentials here, so that nothing foreign can reach a person, a log or a record unclean.
 */
export class CatalystError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly place: Place | undefined
  readonly problems: readonly Problem[]

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(redact(printable(message)), details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'CatalystError'
    this.code = code
    this.hint = redact(printable(details.hint ?? ERRORS[code].hint, { newlines: true }))
    this.place = details.place && cleanPlace(details.place)
    this.problems = (details.problems ?? []).map(cleanProblem)
  }

  get exit(): ErrorRow['exit'] {
    return ERRORS[this.code].exit
  }

  get retry(): Retry {
    return ERRORS[this.code].retry
  }
}

/** All problems of an error: those it carries, or itself as the only one. */
export function problemsOfError(error: CatalystError): readonly Problem[] {
  if (error.problems.length > 0) return error.problems
  return [{ code: error.code, message: error.message, hint: error.hint, ...(error.place && { place: error.place }) }]
}

/** The same problem, safe for terminals and without credentials, as a `CatalystError` would show it. */
export function cleanProblem(problem: Problem): Problem {
  const clean: { -readonly [K in keyof Problem]: Problem[K] } = { ...problem, message: redact(printable(problem.message)) }
  if (problem.place) clean.place = cleanPlace(problem.place)
  return problem.hint === undefined ? clean : { ...clean, hint: redact(printable(problem.hint, { newlines: true })) }
}

function cleanPlace(place: Place): Place {
  return { ...place, file: redact(printable(place.file)) }
}

/** Throws one `CatalystError` that carries all problems of severity error; does nothing when there are none. */
export function throwProblems(problems: readonly Problem[]): void {
  const errors = problems.filter((p) => p.severity !== 'warning')
  const first = errors[0]
  if (!first) return
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  throw new CatalystError(first.code, first.message + rest, { place: first.place, hint: first.hint, problems: errors })
}

/**
 * Runs the reader of a file that has one code for everything that can be wrong with it; the finer codes stay in `problems`.
 * An error of `except` passes as it is. @throws CatalystError with `code`
 */
export function withCode<T>(code: ErrorCode, read: () => T, except: readonly ErrorCode[] = []): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CatalystError) || error.code === code || except.includes(error.code)) throw error
    throw new CatalystError(code, error.message, { place: error.place, cause: error, problems: problemsOfError(error) })
  }
}

const EXIT_ORDER: readonly number[] = [0, 2, 6, 3, 5, 4, 7, 1]

/** The exit code that wins when several apply: 1 > 7 > 4 > 5 > 3 > 6 > 2 > 0 (RECONCILER.md). A code that is none of these counts as 1. */
export function highestExit(exits: readonly number[]): number {
  const rank = (exit: number) => (EXIT_ORDER.includes(exit) ? EXIT_ORDER.indexOf(exit) : EXIT_ORDER.length - 1)
  return EXIT_ORDER[Math.max(0, ...exits.map(rank))] ?? 1
}

// Every repetition is bounded or cannot overlap with what follows it: messages hold hostile text of any length.
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // user:password@ in URLs; a password may hold @ and, where a colon shows that it is one, a slash
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"'@:]{0,200}:(?!\d{1,5}\/)[^\s"']{0,500}@/gi, '$1***@'],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/"']{1,500}@/gi, '$1***@'],
  // values of query parameters that carry a right
  [/([?&](?:[a-z_-]{0,30}(?:token|signature|secret|password|credential|api[_-]?key)|sig|jwt)=)[^&\s"']+/gi, '$1***'],
  // tokens of known shape: GitHub, GitLab, npm, Stripe, Slack, SendGrid, AWS, JSON Web Tokens
  [/\b(gh[pousr]_|github_pat_|glpat-|npm_|sk_live_|sk_test_|rk_live_|rk_test_|whsec_|xox[abposr]-|catreg_|SG\.|AKIA|ASIA)[A-Za-z0-9_.-]{8,}/g, '$1***'],
  [/\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{0,4000}/g, '***'],
  [/(authorization["']?:?\s{0,5}["']?(?:bearer|token|basic)\s{1,5})[^\s"']+/gi, '$1***'],
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g, '***'],
]

/** Removes credentials: user:password@ of URLs, values of secret query parameters, tokens of known shape, private keys. */
export function redact(text: string): string {
  return SECRETS.reduce((clean, [pattern, by]) => clean.replace(pattern, by), text)
}
