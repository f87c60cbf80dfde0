import { fullName } from './github.ts'
import type { Account, Asset, Attestation, Release, Repository } from './github.ts'

/** Where the parts of GitHub are reached: `api` is octokit's baseUrl, `web` is github.com, `objects` is where bytes are kept. No slash at the end. */
export interface Addresses {
  readonly api: string
  readonly web: string
  readonly objects: string
}

type Json = Record<string, unknown>

/** GitHub's global id; opaque to clients. */
const nodeId = (kind: string, id: number | string): string => Buffer.from(`0:${kind}${id}`).toString('base64')
const time = (at: Date): string => at.toISOString().replace(/\.\d{3}Z$/, 'Z')

/** Schema `simple-user`. */
export function userJson(account: Account, at: Addresses): Json {
  const url = `${at.api}/users/${account.login}`
  return {
    login: account.login, id: account.id, node_id: nodeId('User', account.id), avatar_url: `${at.web}/avatars/${account.id}`, gravatar_id: '', url,
    html_url: `${at.web}/${account.login}`, followers_url: `${url}/followers`, following_url: `${url}/following{/other_user}`, gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`, subscriptions_url: `${url}/subscriptions`, organizations_url: `${url}/orgs`, repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`, received_events_url: `${url}/received_events`, type: 'Organization', user_view_type: 'public', site_admin: false,
  }
}

// The members of a repository that are only addresses, as GitHub writes them.
const REPOSITORY_URLS = {
  archive_url: '/{archive_format}{/ref}', assignees_url: '/assignees{/user}', blobs_url: '/git/blobs{/sha}', branches_url: '/branches{/branch}',
  collaborators_url: '/collaborators{/collaborator}', comments_url: '/comments{/number}', commits_url: '/commits{/sha}', compare_url: '/compare/{base}...{head}',
  contents_url: '/contents/{+path}', contributors_url: '/contributors', deployments_url: '/deployments', downloads_url: '/downloads', events_url: '/events',
  forks_url: '/forks', git_commits_url: '/git/commits{/sha}', git_refs_url: '/git/refs{/sha}', git_tags_url: '/git/tags{/sha}', hooks_url: '/hooks',
  issue_comment_url: '/issues/comments{/number}', issue_events_url: '/issues/events{/number}', issues_url: '/issues{/number}', keys_url: '/keys{/key_id}',
  labels_url: '/labels{/name}', languages_url: '/languages', merges_url: '/merges', milestones_url: '/milestones{/number}',
  notifications_url: '/notifications{?since,all,participating}', pulls_url: '/pulls{/number}', releases_url: '/releases{/id}', stargazers_url: '/stargazers',
  statuses_url: '/statuses/{sha}', subscribers_url: '/subscribers', subscription_url: '/subscription', tags_url: '/tags', teams_url: '/teams', trees_url: '/git/trees{/sha}',
} as const

/** Schema `full-repository`. */
export function repositoryJson(repository: Repository, at: Addresses): Json {
  const name = fullName(repository)
  const url = `${at.api}/repos/${name}`
  const web = `${at.web}/${name}`
  const urls = Object.fromEntries(Object.entries(REPOSITORY_URLS).map(([member, path]) => [member, url + path]))
  const created = time(repository.createdAt)
  return {
    id: repository.id, node_id: nodeId('Repository', repository.id), name: repository.name, full_name: name, private: repository.private,
    owner: userJson(repository.owner, at), html_url: web, description: repository.description || null, fork: false, url, ...urls,
    created_at: created, updated_at: created, pushed_at: created, git_url: `git:${web.replace(/^https?:/, '')}.git`, ssh_url: `git@127.0.0.1:${name}.git`,
    clone_url: `${web}.git`, svn_url: web, homepage: null, size: 1, stargazers_count: 0, watchers_count: 0, language: 'JavaScript', has_issues: true,
    has_projects: false, has_downloads: true, has_wiki: false, has_pages: false, has_discussions: false, forks_count: 0, mirror_url: null, archived: repository.archived,
    disabled: false, open_issues_count: 0, license: null, allow_forking: true, is_template: false, web_commit_signoff_required: false, topics: [...repository.topics],
    visibility: repository.private ? 'private' : 'public', forks: 0, open_issues: 0, watchers: 0, default_branch: 'main', network_count: 0, subscribers_count: 0,
  }
}

/** Schema `release-asset`. */
export function assetJson(asset: Asset, release: Release, repository: Repository, at: Addresses): Json {
  const name = fullName(repository)
  return {
    url: `${at.api}/repos/${name}/releases/assets/${asset.id}`, id: asset.id, node_id: nodeId('ReleaseAsset', asset.id), name: asset.name, label: '',
    uploader: userJson(repository.owner, at), content_type: asset.contentType, state: 'uploaded', size: asset.bytes.length, digest: asset.digest,
    download_count: 0, created_at: time(asset.at), updated_at: time(asset.at), browser_download_url: downloadUrl(asset, release, repository, at),
  }
}

/** Where anybody downloads an asset of a public repository. */
export function downloadUrl(asset: Pick<Asset, 'name'>, release: Release, repository: Repository, at: Addresses): string {
  return `${at.web}/${fullName(repository)}/releases/download/${encodeURIComponent(release.tag)}/${encodeURIComponent(asset.name)}`
}

/** Schema `release`. */
export function releaseJson(release: Release, repository: Repository, at: Addresses): Json {
  const url = `${at.api}/repos/${fullName(repository)}`
  return {
    url: `${url}/releases/${release.id}`, assets_url: `${url}/releases/${release.id}/assets`, upload_url: `${url}/releases/${release.id}/assets{?name,label}`,
    html_url: `${at.web}/${fullName(repository)}/releases/tag/${encodeURIComponent(release.tag)}`, id: release.id, author: userJson(repository.owner, at),
    node_id: nodeId('Release', release.id), tag_name: release.tag, target_commitish: 'main', name: release.name, draft: release.draft, immutable: release.immutable,
    prerelease: release.prerelease, created_at: time(release.createdAt), updated_at: time(release.publishedAt), published_at: release.draft ? null : time(release.publishedAt),
    assets: release.assets.map((asset) => assetJson(asset, release, repository, at)), tarball_url: `${url}/tarball/${release.tag}`, zipball_url: `${url}/zipball/${release.tag}`,
    body: release.body,
  }
}

/** One member of the attestations API's answer. Behind a URL the bundle is null, as GitHub answers since 2026. */
export function attestationJson(attestation: Attestation, repository: Repository, at: Addresses): Json {
  const bundle_url = `${at.objects}/attestations/${attestation.id}.json.sn`
  return { bundle: attestation.delivery === 'inline' ? attestation.bundle : null, repository_id: repository.id, bundle_url, initiator: 'user' }
}

/** An error as GitHub's API words it. */
export function problemJson(status: number, message: string, documentation = 'https://docs.github.com/rest'): Json {
  return { message, documentation_url: documentation, status: String(status) }
}
