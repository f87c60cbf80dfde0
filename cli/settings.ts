import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** What the environment says. Read once, here; nothing else of ours looks at it but for secrets. */
export interface Settings {
  readonly cacheDir: string
  /** Verdicts: this user's own, never shared and never cached by CI. */
  readonly verdictsDir: string
  readonly githubToken: string | undefined
  readonly githubApiUrl: string
  readonly githubUrl: string
  /** Mirrors by the name of the registry, as they were written. */
  readonly mirror: string
  /** Database of a registry's catalog; undefined when nobody named one. */
  readonly catalogDatabase: string | undefined
  /** Who acts, for the audit. */
  readonly who: string
  readonly revision: string | undefined
}

/**
 * `CATALYST_CACHE_DIR`, `XDG_CACHE_HOME`, `XDG_STATE_HOME` (XDG Base Directory Specification), `GITHUB_TOKEN`,
 * `CATALYST_GITHUB_API_URL` and `CATALYST_GITHUB_URL` (GitHub Enterprise, or a world on loopback), `GITHUB_ACTOR`,
 * `GITHUB_SHA`, `CATALYST_CATALOG`, `CATALYST_MIRROR` (`official=https://mirror.example`, several with blanks between them).
 */
export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  const state = env.XDG_STATE_HOME && isAbsolute(env.XDG_STATE_HOME) ? env.XDG_STATE_HOME : join(homedir(), '.local', 'state')
  const cache = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : join(homedir(), '.cache')
  return {
    cacheDir: env.CATALYST_CACHE_DIR || join(cache, 'catalyst'),
    verdictsDir: join(state, 'catalyst', 'verdicts'),
    githubToken: env.GITHUB_TOKEN || env.GH_TOKEN || undefined,
    githubApiUrl: (env.CATALYST_GITHUB_API_URL || 'https://api.github.com').replace(/\/$/, ''),
    githubUrl: (env.CATALYST_GITHUB_URL || 'https://github.com').replace(/\/$/, ''),
    mirror: env.CATALYST_MIRROR ?? '',
    catalogDatabase: env.CATALYST_CATALOG || undefined,
    who: env.GITHUB_ACTOR || env.USER || env.LOGNAME || accountName(),
    revision: env.GITHUB_SHA || undefined,
  }
}

/** Containers and services often have no USER; some have not even an account. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown'
  }
}
