import { Hono } from 'hono'
import type { MiddlewareHandler } from 'hono'
import { assetJson, attestationJson, problemJson, releaseJson, repositoryJson } from './answers.ts'
import { gitApi } from './git-api.ts'
import { authenticate, conditional, mayRead, paginate, problem, tokenText } from './http.ts'
import type { Env, Site } from './http.ts'
import { fullName } from './github.ts'
import type { Release, Repository } from './github.ts'
import { limited } from './rate-limit.ts'
import type { RateLimit } from './rate-limit.ts'
import { objectUrl } from './objects.ts'

/** GitHub's REST API as far as a plugin store reads it; octokit's `baseUrl` is where this is mounted. */
export function githubApi(site: Site, limit: RateLimit): Hono<Env> {
  const api = new Hono<Env>()
  api.use(limited(limit), authenticate(site.github), conditional())
  api.get('/rate_limit', (c) => {
    const core = { ...limit.state(tokenText(c.req.header('authorization'))), resource: 'core' }
    return c.json({ resources: { core, search: { ...core, resource: 'search' } }, rate: core })
  })
  api.get('/search/repositories', (c) => {
    const topic = /(?:^|\s)topic:(\S+)/.exec(c.req.query('q') ?? '')?.[1]
    if (topic === undefined) return problem(c, 422, 'Validation Failed')
    const found = site.github.withTopic(topic).filter(({ archived }) => !archived)
    const { page, headers } = paginate(c, found.slice(0, 1000), `${site.addresses.api}/search/repositories`)
    return c.json({ total_count: found.length, incomplete_results: false, items: page.map((repository) => ({ ...repositoryJson(repository, site.addresses), score: 1 })) }, 200, headers)
  })
  for (const prefix of ['/repos/:owner/:name', '/repositories/:repositoryId']) {
    api.use(prefix, inRepository(site)).use(`${prefix}/*`, inRepository(site))
    api.route(prefix, repositoryApi(site)).route(prefix, gitApi(site))
  }
  api.notFound((c) => problem(c, 404, 'Not Found'))
  return api
}

/** Finds the repository of a path. What a caller may not see does not exist; an old name leads to the id. */
function inRepository(site: Site): MiddlewareHandler<Env> {
  return async (c, next) => {
    const { owner, name, repositoryId } = c.req.param() as Partial<Record<string, string>>
    const repository = repositoryId ? site.github.byId(Number(repositoryId)) : site.github.find(`${owner}/${name}`)
    if (!repository || !mayRead(repository, c.get('token'))) return problem(c, 404, 'Not Found')
    if (owner !== undefined && fullName(repository).toLowerCase() !== `${owner}/${name}`.toLowerCase()) {
      const { pathname, search } = new URL(c.req.url)
      const rest = pathname.slice(pathname.indexOf(`/repos/${owner}/${name}`) + `/repos/${owner}/${name}`.length)
      const url = `${site.addresses.api}/repositories/${repository.id}${rest}${search}`
      return c.json({ ...problemJson(301, 'Moved Permanently'), url }, 301, { location: url })
    }
    c.set('repository', repository)
    return next()
  }
}

function repositoryApi({ addresses }: Site): Hono<Env> {
  const api = new Hono<Env>()
  api.get('/', (c) => c.json(repositoryJson(c.get('repository'), addresses)))
  api.get('/releases', (c) => {
    const repository = c.get('repository')
    const { page, headers } = paginate(c, published(repository), `${addresses.api}/repositories/${repository.id}/releases`)
    return c.json(page.map((release) => releaseJson(release, repository, addresses)), 200, headers)
  })
  const one = (find: (releases: readonly Release[], wanted: string) => Release | undefined, param: string): MiddlewareHandler<Env> => async (c) => {
    const repository = c.get('repository')
    const release = find(published(repository), c.req.param(param) ?? '')
    return release ? c.json(releaseJson(release, repository, addresses)) : problem(c, 404, 'Not Found')
  }
  api.get('/releases/latest', one((releases) => releases.find(({ prerelease }) => !prerelease), ''))
  api.get('/releases/tags/:tag{.+}', one((releases, wanted) => releases.find(({ tag }) => tag === wanted), 'tag'))
  api.get('/releases/:releaseId{\\d+}', one((releases, wanted) => releases.find(({ id }) => id === Number(wanted)), 'releaseId'))
  api.get('/releases/:releaseId{\\d+}/assets', (c) => {
    const repository = c.get('repository')
    const release = published(repository).find(({ id }) => id === Number(c.req.param('releaseId')))
    if (!release) return problem(c, 404, 'Not Found')
    const { page, headers } = paginate(c, release.assets, `${addresses.api}/repositories/${repository.id}/releases/${release.id}/assets`)
    return c.json(page.map((asset) => assetJson(asset, release, repository, addresses)), 200, headers)
  })
  api.get('/releases/assets/:assetId{\\d+}', (c) => {
    const repository = c.get('repository')
    const release = repository.releases.find(({ assets }) => assets.some(({ id }) => id === Number(c.req.param('assetId'))))
    const asset = release?.assets.find(({ id }) => id === Number(c.req.param('assetId')))
    if (!release || !asset) return problem(c, 404, 'Not Found')
    if (c.req.header('accept')?.includes('application/octet-stream')) return c.redirect(objectUrl(addresses.objects, asset.id), 302)
    return c.json(assetJson(asset, release, repository, addresses))
  })
  api.get('/attestations/:digest', (c) => {
    const repository = c.get('repository')
    const type = c.req.query('predicate_type')
    const found = repository.attestations.filter((a) => a.digest === c.req.param('digest') && (type === undefined || predicateMatches(type, a.predicateType)))
    if (found.length === 0) return problem(c, 404, 'Not Found')
    const { page, headers } = paginate(c, found, `${addresses.api}/repositories/${repository.id}/attestations/${c.req.param('digest')}`)
    return c.json({ attestations: page.map((attestation) => attestationJson(attestation, repository, addresses)) }, 200, headers)
  })
  return api
}

/** Newest first; drafts are for those who write. */
function published(repository: Repository): readonly Release[] {
  return repository.releases.filter(({ draft }) => !draft).toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || repository.releases.indexOf(b) - repository.releases.indexOf(a))
}

/** The filter is `provenance`, `sbom`, `release` or a whole type. */
function predicateMatches(wanted: string, type: string): boolean {
  return wanted === type || (wanted === 'provenance' && type.startsWith('https://slsa.dev/provenance/')) || (wanted === 'sbom' && /spdx|cyclonedx/.test(type))
}
