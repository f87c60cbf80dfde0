/** The `authorization` header for a request to this URL, or undefined when nothing of ours belongs there. */
export type Credentials = (url: URL) => string | undefined

/** Where a GitHub token may be shown: its API (as Bearer) and its git server (as Basic). Base URLs. */
export interface TokenHosts {
  readonly apiUrl: string
  readonly webUrl: string
}

const GITHUB_HOSTS: TokenHosts = { apiUrl: 'https://api.github.com', webUrl: 'https://github.com' }

/** Shows nothing to anybody. */
export const noCredentials: Credentials = () => undefined

/**
 * A token for exactly these two places. Never for a host that only ends like one of them, another port or another
 * scheme. On the web host only git is asked with it: downloads of public releases need none.
 */
export function tokenFor(token: string | undefined, hosts: TokenHosts = GITHUB_HOSTS): Credentials {
  if (!token) return noCredentials
  const api = new URL(`${hosts.apiUrl}/`)
  const web = new URL(hosts.webUrl).origin
  const basic = `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`
  return (url) => {
    if (url.origin === api.origin && url.pathname.startsWith(api.pathname)) return `Bearer ${token}`
    return url.origin === web && isGit(url) ? basic : undefined
  }
}

function isGit(url: URL): boolean {
  return /\/(info\/refs|git-upload-pack)$/.test(url.pathname)
}
