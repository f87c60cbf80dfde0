import { Hono } from 'hono'
import type { CommitObject, TreeEntry } from 'isomorphic-git'
import type { BareRepository } from '../bare-repository.ts'
import { GitObjects } from './git-objects.ts'
import { paginate, problem } from './http.ts'
import type { Env, Site } from './http.ts'
import { fullName } from './github.ts'
import type { Repository } from './github.ts'

type Json = Record<string, unknown>

/** The parts of GitHub's API that show what is in the git repository: refs, tags, commits, trees, blobs, contents. */
export function gitApi({ addresses }: Site): Hono<Env> {
  const api = new Hono<Env>()
  const urlOf = (repository: Repository): string => `${addresses.api}/repos/${fullName(repository)}`
  const webOf = (repository: Repository): string => `${addresses.web}/${fullName(repository)}`

  api.get('/git/ref/:ref{.+}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const ref = `refs/${c.req.param('ref')}`
    const oid = await git.ref(ref)
    return oid ? c.json(await refJson(git, { ref, oid }, urlOf(c.get('repository')))) : problem(c, 404, 'Not Found')
  })
  api.get('/git/matching-refs/:ref{.+}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const refs = await git.refs(`refs/${c.req.param('ref')}`)
    return c.json(await Promise.all(refs.map((ref) => refJson(git, ref, urlOf(c.get('repository'))))))
  })
  api.get('/git/tags/:sha{[0-9a-f]{40}}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const sha = c.req.param('sha')
    if ((await git.type(sha)) !== 'tag') return problem(c, 404, 'Not Found')
    const tag = await git.tag(sha)
    const url = urlOf(c.get('repository'))
    const object = { sha: tag.object, type: tag.type, url: `${url}/git/${tag.type}s/${tag.object}` }
    const tagger = tag.tagger && { name: tag.tagger.name, email: tag.tagger.email, date: isoTime(tag.tagger.timestamp) }
    return c.json({ node_id: nodeId(sha), tag: tag.tag, sha, url: `${url}/git/tags/${sha}`, message: tag.message, tagger, object, verification: UNVERIFIED })
  })
  api.get('/git/commits/:sha{[0-9a-f]{40}}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const sha = c.req.param('sha')
    if ((await git.type(sha)) !== 'commit') return problem(c, 404, 'Not Found')
    const [url, web] = [urlOf(c.get('repository')), webOf(c.get('repository'))]
    return c.json({ sha, node_id: nodeId(sha), url: `${url}/git/commits/${sha}`, html_url: `${web}/commit/${sha}`, ...commitParts(await git.commit(sha), url, web, 'git/commits') })
  })
  api.get('/git/trees/:wanted{.+}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const name = c.req.param('wanted')
    const commit = await git.commitOf(name)
    const sha = commit ? (await git.commit(commit)).tree : name
    if (!commit && (!/^[0-9a-f]{40}$/.test(sha) || (await git.type(sha)) !== 'tree')) return problem(c, 404, 'Not Found')
    const url = urlOf(c.get('repository'))
    const tree = await listTree(git, sha, { url, deep: c.req.query('recursive') !== undefined })
    return c.json({ sha, url: `${url}/git/trees/${sha}`, tree, truncated: false })
  })
  api.get('/git/blobs/:sha{[0-9a-f]{40}}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const sha = c.req.param('sha')
    if ((await git.type(sha)) !== 'blob') return problem(c, 404, 'Not Found')
    const bytes = await git.blob(sha)
    return c.json({ sha, node_id: nodeId(sha), size: bytes.length, url: `${urlOf(c.get('repository'))}/git/blobs/${sha}`, content: wrapped(bytes), encoding: 'base64' })
  })
  api.get('/tags', async (c) => {
    const repository = c.get('repository')
    const git = objectsOf(repository.git)
    const names = (await git.refs('refs/tags/')).map(({ ref }) => ref.slice('refs/tags/'.length)).toReversed()
    const { page, headers } = paginate(c, names, `${addresses.api}/repositories/${repository.id}/tags`)
    const url = urlOf(repository)
    const tags = await Promise.all(page.map(async (name) => {
      const sha = (await git.commitOf(`refs/tags/${name}`)) ?? ''
      return { name, zipball_url: `${url}/zipball/refs/tags/${name}`, tarball_url: `${url}/tarball/refs/tags/${name}`, commit: { sha, url: `${url}/commits/${sha}` }, node_id: nodeId(name) }
    }))
    return c.json(tags, 200, headers)
  })
  api.get('/commits/:wanted{.+}', async (c) => {
    const git = objectsOf(c.get('repository').git)
    const sha = await git.commitOf(c.req.param('wanted'))
    if (!sha) return problem(c, 422, `No commit found for SHA: ${c.req.param('wanted')}`)
    const [url, web] = [urlOf(c.get('repository')), webOf(c.get('repository'))]
    const { parents, ...commit } = commitParts(await git.commit(sha), url, web, 'commits')
    const own = `${url}/commits/${sha}`
    const detail = { ...commit, url: `${url}/git/commits/${sha}`, comment_count: 0 }
    return c.json({ sha, node_id: nodeId(sha), url: own, html_url: `${web}/commit/${sha}`, comments_url: `${own}/comments`, commit: detail, author: null, committer: null, parents, files: [] })
  })
  api.get('/contents/:path{.*}', async (c) => {
    const repository = c.get('repository')
    const git = objectsOf(repository.git)
    const ref = c.req.query('ref') ?? 'main'
    const commit = await git.commitOf(ref)
    const path = c.req.param('path')
    const entry = commit && (await git.entry(commit, path))
    if (!entry) return problem(c, 404, commit ? 'Not Found' : `No commit found for the ref ${ref}`)
    const about = { url: urlOf(repository), web: webOf(repository), ref }
    if (entry.type === 'tree') {
      const children = await git.tree(entry.oid)
      return c.json(await Promise.all(children.map((child) => contentJson(git, child, `${path ? `${path}/` : ''}${child.path}`, about))))
    }
    const bytes = await git.blob(entry.oid)
    if (/application\/vnd\.github\.(v3\.)?raw/.test(c.req.header('accept') ?? '')) return c.body(Uint8Array.from(bytes), 200, { 'content-type': 'application/vnd.github.raw; charset=utf-8' })
    return c.json({ ...(await contentJson(git, entry, path, about)), content: wrapped(bytes), encoding: 'base64' })
  })
  return api
}

const readers = new WeakMap<BareRepository, GitObjects>()
function objectsOf(repository: BareRepository): GitObjects {
  const known = readers.get(repository) ?? new GitObjects(repository.dir)
  readers.set(repository, known)
  return known
}

const UNVERIFIED = { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null }
const nodeId = (name: string): string => Buffer.from(name).toString('base64')
const isoTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
/** Base64 in lines of 60, as GitHub sends it. */
const wrapped = (bytes: Buffer): string => bytes.toString('base64').replace(/.{60}/g, '$&\n')

/** Schema `git-ref`. */
async function refJson(git: GitObjects, { ref, oid }: { ref: string; oid: string }, url: string): Promise<Json> {
  const type = (await git.type(oid)) ?? 'commit'
  return { ref, node_id: nodeId(ref), url: `${url}/git/${ref}`, object: { sha: oid, type, url: `${url}/git/${type}s/${oid}` } }
}

function commitParts(commit: CommitObject, url: string, web: string, parentsAt: string): Json {
  const person = (p: CommitObject['author']): Json => ({ name: p.name, email: p.email, date: isoTime(p.timestamp) })
  const parents = commit.parent.map((sha) => ({ sha, url: `${url}/${parentsAt}/${sha}`, html_url: `${web}/commit/${sha}` }))
  return {
    author: person(commit.author), committer: person(commit.committer), message: commit.message.replace(/\n$/, ''),
    tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` }, parents, verification: UNVERIFIED,
  }
}

async function listTree(git: GitObjects, oid: string, options: { url: string; deep: boolean; prefix?: string }): Promise<Json[]> {
  const rows = await Promise.all((await git.tree(oid)).map(async (entry) => {
    const path = `${options.prefix ?? ''}${entry.path}`
    const size = entry.type === 'blob' ? { size: (await git.blob(entry.oid)).length } : {}
    const own = { path, mode: entry.mode.padStart(6, '0'), type: entry.type, sha: entry.oid, ...size, url: `${options.url}/git/${entry.type}s/${entry.oid}` }
    const below = options.deep && entry.type === 'tree' ? await listTree(git, entry.oid, { ...options, prefix: `${path}/` }) : []
    return [own, ...below]
  }))
  return rows.flat()
}

/** Schemas `content-file` and the members of `content-directory`. */
async function contentJson(git: GitObjects, entry: TreeEntry, path: string, at: { url: string; web: string; ref: string }): Promise<Json> {
  const folder = entry.type === 'tree'
  const url = `${at.url}/contents/${path}?ref=${encodeURIComponent(at.ref)}`
  const git_url = `${at.url}/git/${folder ? 'trees' : 'blobs'}/${entry.oid}`
  const html_url = `${at.web}/${folder ? 'tree' : 'blob'}/${at.ref}/${path}`
  return {
    name: entry.path, path, sha: entry.oid, size: folder ? 0 : (await git.blob(entry.oid)).length, url, html_url, git_url,
    download_url: folder ? null : `${at.web}/raw/${at.ref}/${path}`, type: folder ? 'dir' : 'file', _links: { self: url, git: git_url, html: html_url },
  }
}
