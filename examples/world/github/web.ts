import { Hono } from 'hono'
import type { Context } from 'hono'
import { gitHttp } from './git-http.ts'
import { authenticate, mayRead } from './http.ts'
import type { Env, Site } from './http.ts'
import { fullName } from './github.ts'
import type { Repository } from './github.ts'
import { objectUrl } from './objects.ts'

/** github.com itself, as far as machines use it: downloads of public releases and git over smart HTTP. */
export function githubWeb(site: Site): Hono<Env> {
  const web = new Hono<Env>()
  web.get('/:owner/:name/releases/download/:tag/:asset', (c) => {
    const { owner, name, tag, asset } = c.req.param()
    const repository = site.github.find(`${owner}/${name}`)
    // A token opens nothing here: private assets come from the API alone.
    if (!repository || repository.private) return c.text('Not Found', 404)
    const moved = movedTo(c, site, repository, name)
    if (moved) return moved
    const found = repository.releases.find((release) => release.tag === tag && !release.draft)?.assets.find((other) => other.name === asset)
    return found ? c.redirect(objectUrl(site.addresses.objects, found.id), 302) : c.text('Not Found', 404)
  })
  const git = authenticate(site.github)
  web.all('/:owner/:name/:service{info/refs|git-upload-pack|git-receive-pack}', git, async (c) => {
    const { owner, name } = c.req.param()
    const repository = site.github.find(`${owner}/${name.replace(/\.git$/, '')}`)
    const token = c.get('token')
    const pushes = c.req.param('service') === 'git-receive-pack' || c.req.query('service') === 'git-receive-pack'
    // git shows its credentials only after it was asked for them, so a stranger gets 401 where a caller with a token gets 404.
    const hidden = !repository || !mayRead(repository, token)
    if (!token && (hidden || pushes)) return c.text('Repository not found.', 401, { 'www-authenticate': 'Basic realm="GitHub"' })
    if (hidden) return c.text('Repository not found.', 404)
    if (pushes && !token?.write) return c.text('Write access to repository not granted.', 403)
    return movedTo(c, site, repository, name) ?? gitHttp(c, repository.git.dir, token?.login)
  })
  web.get('/:owner/:name', (c) => {
    const repository = site.github.find(`${c.req.param('owner')}/${c.req.param('name')}`)
    if (!repository || repository.private) return c.text('Not Found', 404)
    return movedTo(c, site, repository, c.req.param('name')) ?? c.html(`<title>${fullName(repository)}</title>`)
  })
  return web
}

/** The redirect from a name that a repository had before. */
function movedTo(c: Context<Env>, site: Site, repository: Repository, name: string): Response | undefined {
  const asked = `${c.req.param('owner')}/${name}`
  const suffix = name.endsWith('.git') ? '.git' : ''
  if (asked.toLowerCase() === `${fullName(repository)}${suffix}`.toLowerCase() || asked.toLowerCase() === fullName(repository).toLowerCase()) return undefined
  const { pathname, search } = new URL(c.req.url)
  return c.redirect(`${site.addresses.web}/${fullName(repository)}${suffix}${pathname.slice(asked.length + 1)}${search}`, 301)
}
