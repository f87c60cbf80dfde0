/** One row of the table of answers that say no: the HTTP status, and the next step for whoever asked. */
export interface ApiProblemRow {
  readonly status: number
  readonly hint: string
}

/**
 * Every `code` that a problem document of the registry's service can have (RFC 9457). Codes that commands print too mean the
 * same here. `docs/api.md` lists them.
 */
export const API_PROBLEMS = {
  // how it was asked
  REQUEST_INVALID: { status: 400, hint: 'Correct what `errors` names; GET /api/v1/openapi.json describes every request.' },
  CURSOR_INVALID: { status: 400, hint: 'Take the cursor from the answer before, unchanged and with the same filters, or begin without one.' },
  DELIVERY_INVALID: { status: 400, hint: 'Send what GitHub sends: a delivery id, an event and its payload.' },
  NOT_FOUND: { status: 404, hint: 'Check the path; ids are lower-case words joined by hyphens.' },
  METHOD_NOT_ALLOWED: { status: 405, hint: 'Use one of the methods that the Allow header names.' },
  REQUEST_TIMEOUT: { status: 408, hint: 'Send the whole request sooner.' },
  BODY_TOO_LARGE: { status: 413, hint: 'Send less than the limit that the message names.' },
  URL_TOO_LONG: { status: 414, hint: 'No address here is that long.' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, hint: 'Send application/json, without a content encoding.' },
  RANGE_NOT_SATISFIABLE: { status: 416, hint: 'Ask for bytes that the file has; Content-Range tells how many.' },
  HEADERS_TOO_LARGE: { status: 431, hint: 'Send fewer or shorter headers.' },

  // who asks
  UNAUTHENTICATED: { status: 401, hint: 'Send `Authorization: Bearer …` with a token of this registry, or an OIDC token of GitHub Actions made for its audience.' },
  SIGNATURE_INVALID: { status: 401, hint: 'Sign the body with the secret of the webhook: X-Hub-Signature-256.' },
  FORBIDDEN: { status: 403, hint: 'Ask a maintainer for the scope that the message names, or run the workflow that the entry names.' },
  RATE_LIMITED: { status: 429, hint: 'Wait as long as Retry-After says.' },

  // what is wanted
  UNKNOWN_PLUGIN: { status: 404, hint: 'Check the id; GET /api/v1/plugins lists what there is.' },
  NO_VERSION: { status: 404, hint: 'Check the version; GET /api/v1/plugins/{id}/versions lists what there is.' },
  CONTRADICTION: { status: 409, hint: 'Look at the present verdict first: it does not go with what you ask.' },

  // how we are
  INTERNAL: { status: 500, hint: 'This is a defect of ours. Report it with the request id.' },
  BUSY: { status: 503, hint: 'Wait as long as Retry-After says.' },
  STATE_UNAVAILABLE: { status: 503, hint: 'The catalog cannot be asked now; the index is served all the same.' },
  ISSUER_UNREACHABLE: { status: 503, hint: 'Try again: the token could not be checked.' },
  FILE_CHANGING: { status: 503, hint: 'Ask again: the file is being written.' },
  NOT_READY: { status: 503, hint: 'Send requests elsewhere until this is ready.' },
} as const satisfies Record<string, ApiProblemRow>

export type ApiProblemCode = keyof typeof API_PROBLEMS

/** What `type` of a problem document begins with; the code in lower case with hyphens ends it. */
export const PROBLEM_TYPE_BASE = 'https://catalyst.dev/problems/'
