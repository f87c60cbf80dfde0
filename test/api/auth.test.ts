import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newToken, rowOf, TokenFileReader } from '../../api/auth/tokens.ts'
import { publisherRefusal } from '../../api/auth/publisher.ts'
import { GITHUB_ACTIONS_ISSUER } from '../../schemas/common.ts'
import { sha256 } from '../../schemas/digest.ts'
import { tokenRowYaml } from '../../schemas/tokens.ts'
import { entry, numberFor } from '../builders/catalog.ts'
import { startServer, type TestServer } from '../registry/server.ts'
import { type Ground, ground, NOW, project, verdict } from './ground.ts'

const AUDIENCE = 'https://registry.example'
const NOW_SECONDS = Date.parse(NOW) / 1000
type Key = Awaited<ReturnType<typeof generateKeyPair>>

let g: Ground
let issuer: TestServer
let key: Key
let keysAreDown = false

beforeAll(async () => {
  key = await generateKeyPair('RS256', { extractable: true })
  const jwk = { ...(await exportJWK(key.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  issuer = await startServer((_request, response) => (keysAreDown ? response.writeHead(500).end() : response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }))))
})
afterAll(() => issuer.close())
beforeEach(async () => {
  keysAreDown = false
  g = await ground({ catalog: { oidc: { audience: AUDIENCE, issuer: issuer.url, fetch: (url, options) => fetch(url, options) } } })
  const signer = { workflow: '.github/workflows/release.yml', issuer: issuer.url }
  await project(g.store, [entry('sms', { signer }), entry('other', { signer }), entry('elsewhere', { repositories: entry('sms').repositories })])
  await g.store.judge('sms', 'ingest', () => [verdict('sms', '1.0.0'), verdict('sms', '1.1.0', { verdict: 'in-review' })])
  return () => g.close()
})

const code = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code]
const audit = async () => (await g.store.audit({})).items

/** A token as GitHub makes one for the release workflow of acme/sms; each test states only what is odd. */
async function workflow(odd: Record<string, unknown> = {}, { signedBy = key, alg = 'RS256', kid = 'k1' }: { signedBy?: Key; alg?: string; kid?: string } = {}): Promise<Record<string, string>> {
  const claims = {
    iss: issuer.url, aud: AUDIENCE, sub: 'repo:acme/sms:ref:refs/tags/v1.1.0', iat: NOW_SECONDS - 10, nbf: NOW_SECONDS - 10, exp: NOW_SECONDS + 300, jti: 'j1',
    repository: 'acme/sms', repository_id: String(numberFor('sms')), repository_owner_id: '7', ref: 'refs/tags/v1.1.0',
    workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/tags/v1.1.0', job_workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/tags/v1.1.0', ...odd,
  }
  return { authorization: `Bearer ${await new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(signedBy.privateKey)}` }
}

describe('maintainers', () => {
  test('act by a token with the scope; who, when and what stands in the audit', async () => {
    const response = await g.send('POST', '/api/v1/plugins/sms/versions/1.0.0/yank', { reason: 'it loses messages' }, g.token('ana', ['yank']))
    expect([response.status, response.headers.get('cache-control'), response.headers.get('ratelimit-policy')]).toEqual([202, 'no-store', '"token";q=600;w=60'])
    expect((await g.store.verdict('sms', '1.0.0'))?.line?.yanked).toEqual({ reason: 'it loses messages' })
    expect((await audit())[0]).toMatchObject({ by: 'maintainer:ana', at: NOW, event: 'release.yanked', subject: 'sms 1.0.0' })
    expect((await g.send('DELETE', '/api/v1/plugins/sms/versions/1.0.0/yank', undefined, g.token('ana', ['yank']))).status).toBe(202)
    expect((await g.store.verdict('sms', '1.0.0'))?.line?.yanked).toBeUndefined()
  })

  test('decide, advise, and read the audit', async () => {
    const ana = g.token('ana', ['decide', 'advise', 'audit', 'ingest'])
    expect((await g.send('POST', '/api/v1/plugins/sms/versions/1.1.0/decision', { verdict: 'rejected', reason: 'not wanted' }, ana)).status).toBe(202)
    expect((await g.store.verdict('sms', '1.1.0'))?.verdict).toBe('rejected')
    const advised = await g.send('POST', '/api/v1/plugins/sms/advisories', { versions: '^1.0.0', advisory: { level: 'malicious', title: 'steals' } }, ana)
    expect([advised.status, await advised.json()]).toEqual([202, { versions: ['1.0.0'] }])
    expect((await g.store.verdict('sms', '1.0.0'))?.verdict).toBe('withdrawn')
    expect((await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, ana)).status).toBe(202)
    const response = await g.get('/api/v1/audit?limit=2', ana)
    expect([response.headers.get('cache-control'), ((await response.json()) as { items: { by: string }[] }).items.map(({ by }) => by)]).toEqual(['no-store', ['maintainer:ana', 'maintainer:ana']])
  })

  test('what does not go with the present verdict is 409, and changes nothing', async () => {
    const before = await audit()
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/versions/1.1.0/decision', { verdict: 'withdrawn', reason: 'x' }, g.token('ana', ['decide'])))).toEqual([409, 'CONTRADICTION'])
    expect(await audit()).toEqual(before)
  })

  test.each<[string, number, string, (g: Ground) => Record<string, string>]>([
    ['no token', 401, 'UNAUTHENTICATED', () => ({})],
    ['another scope', 403, 'FORBIDDEN', (g) => g.token('bo', ['audit', 'ingest'])],
    ['an expired token', 401, 'UNAUTHENTICATED', (g) => g.token('bo', ['yank'], '2026-11-30T11:59:59Z')],
    ['a token that nobody has', 401, 'UNAUTHENTICATED', () => ({ authorization: `Bearer catreg_${'A'.repeat(43)}` })],
    ['another scheme', 401, 'UNAUTHENTICATED', () => ({ authorization: `Basic ${Buffer.from('ana:x').toString('base64')}` })],
    ['two tokens in one', 401, 'UNAUTHENTICATED', (g) => ({ authorization: `${g.token('ana', ['yank'])['authorization']}, Bearer x` })],
    ['an empty token', 401, 'UNAUTHENTICATED', () => ({ authorization: 'Bearer ' })],
    ['a token of 12 KB', 401, 'UNAUTHENTICATED', () => ({ authorization: `Bearer ${'A'.repeat(12_000)}` })],
  ])('%s is %i %s, and changes nothing', async (_name, status, expected, headers) => {
    const before = await audit()
    const response = await g.send('POST', '/api/v1/plugins/sms/versions/1.0.0/yank', { reason: 'x' }, headers(g))
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer realm="catalyst registry"' : null)
    expect(await code(response)).toEqual([status, expected])
    expect(await audit()).toEqual(before)
  })

  test('guessing is slow: after 20 refusals a client is not even looked at, others are', async () => {
    for (let i = 0; i < 20; i++) await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, { authorization: `Bearer catreg_${i}` })
    const right = g.token('ana', ['ingest'])
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, right))).toEqual([429, 'RATE_LIMITED'])
    expect((await g.get('/api/v1/plugins/sms')).status).toBe(200)
  })

  test('no token stands in the log', async () => {
    const { authorization = '' } = g.token('ana', ['ingest'])
    await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, { authorization })
    await g.send('POST', `/api/v1/plugins/sms/ingest?access_token=${authorization.slice(7)}`, undefined, { authorization })
    await g.service.stop({ graceMs: 0 })
    expect(g.lines().filter(({ by }) => by === 'maintainer:ana')).not.toEqual([])
    expect(JSON.stringify(g.lines())).not.toContain(authorization.slice(20))
  })

  test('nor one that was put where none belongs: into the path, or the request id', async () => {
    const { authorization = '' } = g.token('ana', ['ingest'])
    const tokens = [authorization.slice('Bearer '.length), `ghp_${'a1B2'.repeat(9)}`, (await workflow())['authorization']!.slice('Bearer '.length)]
    for (const token of tokens) {
      await g.get(`/api/v1/plugins/${token}`)
      await g.get(`/index/${token}`, { 'x-request-id': token })
    }
    await g.service.stop({ graceMs: 0 })
    expect(g.lines().filter(({ path }) => String(path).includes('***'))).toHaveLength(2 * tokens.length)
    for (const token of tokens) expect(JSON.stringify(g.lines())).not.toContain(token.slice(20))
  })

  test('stored is a digest, compared with every row', () => {
    const row = { name: 'ana', sha256: sha256('catreg_right'), scopes: ['yank' as const], expires: '2027-01-01T00:00:00Z' }
    expect(rowOf('catreg_right', [{ ...row, name: 'bo', sha256: sha256('x') }, row], NOW)).toBe(row)
    expect(rowOf('catreg_righ', [row], NOW)).toBeUndefined()
    expect(rowOf(row.sha256, [row], NOW)).toBeUndefined()
  })
})

test('a token is gone as soon as its line is; a file that became wrong lets nobody in', async () => {
  const path = join(g.dir, 'tokens.yaml')
  const { token, sha256: digest } = newToken()
  const reader = new TokenFileReader(path, 0)
  const write = (text: string) => writeFileSync(path, text)
  write(`tokens:\n${tokenRowYaml({ name: 'ana', sha256: digest, scopes: ['yank'], expires: '2027-01-01T00:00:00Z' })}`)
  expect(rowOf(token, await reader.rows(), NOW)).toMatchObject({ name: 'ana' })
  write('tokens: []\n')
  expect(rowOf(token, await reader.rows(), NOW)).toBeUndefined()
  write('tokens: [\n')
  await expect(reader.rows()).rejects.toMatchObject({ code: 'YAML_SYNTAX' })
  await expect(reader.rows()).rejects.toMatchObject({ code: 'YAML_SYNTAX' })
})

describe('publishers', () => {
  test('the workflow that the entry names may ask for its own plugin to be looked at', async () => {
    expect((await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow())).status).toBe(202)
    expect((await audit())[0]).toMatchObject({ by: 'publisher:github:acme/sms', event: 'ingest.asked', subject: 'sms' })
  })

  test('and nothing of other plugins, nor what is for maintainers', async () => {
    expect(await code(await g.send('POST', '/api/v1/plugins/other/ingest', undefined, await workflow()))).toEqual([403, 'FORBIDDEN'])
    expect(await code(await g.send('POST', '/api/v1/plugins/elsewhere/ingest', undefined, await workflow()))).toEqual([403, 'FORBIDDEN'])
    expect(await code(await g.send('POST', '/api/v1/plugins/none/ingest', undefined, await workflow()))).toEqual([404, 'UNKNOWN_PLUGIN'])
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/advisories', { versions: '*', advisory: { level: 'notice' } }, await workflow()))).toEqual([403, 'FORBIDDEN'])
    expect(await code(await g.get('/api/v1/audit', await workflow()))).toEqual([403, 'FORBIDDEN'])
  })

  test.each<[string, Record<string, unknown>]>([
    ['expired', { exp: NOW_SECONDS - 60 }],
    ['made for another audience', { aud: 'https://other.example' }],
    ['of another issuer', { iss: 'https://token.actions.githubusercontent.com' }],
    ['made an hour ago with a long life', { iat: NOW_SECONDS - 3600, exp: NOW_SECONDS + 3600 }],
    ['not valid yet', { nbf: NOW_SECONDS + 600 }],
    ['without a repository id', { repository_id: undefined }],
    ['with a number that is no text', { repository_id: 7 }],
    ['with an id that is no number', { repository_id: '7e2' }],
    ['without a job', { job_workflow_ref: undefined }],
  ])('a token that is %s is refused', async (_name, odd) => {
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow(odd)))).toEqual([401, 'UNAUTHENTICATED'])
  })

  test.each<[string, Record<string, unknown>]>([
    ['another repository of the same name (deleted and made anew)', { repository_id: '999' }],
    ['the repository under another owner', { repository_owner_id: '999' }],
    ['another workflow', { workflow_ref: 'acme/sms/.github/workflows/test.yml@refs/tags/v1.1.0', job_workflow_ref: 'acme/sms/.github/workflows/test.yml@refs/tags/v1.1.0' }],
    ['a workflow of a branch', { ref: 'refs/heads/evil', workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/heads/evil', job_workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/heads/evil' }],
    ['a pull request', { ref: 'refs/pull/1/merge', workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/pull/1/merge', job_workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/pull/1/merge' }],
    ['a reusable workflow of somebody else', { job_workflow_ref: 'evil/flows/.github/workflows/release.yml@refs/heads/main' }],
    ['a workflow whose ref is not that of the run', { workflow_ref: 'acme/sms/.github/workflows/release.yml@refs/tags/v1.0.0' }],
  ])('%s is none of the publisher', async (_name, odd) => {
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow(odd)))).toEqual([403, 'FORBIDDEN'])
    expect((await audit()).filter(({ event }) => event === 'ingest.asked')).toEqual([])
  })

  test('a token signed by another key, by none, or by a shared secret is refused', async () => {
    const other = await generateKeyPair('RS256')
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow({}, { signedBy: other })))).toEqual([401, 'UNAUTHENTICATED'])
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow({}, { kid: 'unknown' })))).toEqual([401, 'UNAUTHENTICATED'])
    const [header, payload] = [{ alg: 'none' }, { iss: issuer.url, aud: AUDIENCE }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, { authorization: `Bearer ${header}.${payload}.` }))).toEqual([401, 'UNAUTHENTICATED'])
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(key.publicKey)))
    const confused = await new SignJWT({ iss: issuer.url, aud: AUDIENCE }).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret)
    expect(await code(await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, { authorization: `Bearer ${confused}` }))).toEqual([401, 'UNAUTHENTICATED'])
  })

  test('keys that cannot be had are not a refusal: 503, and it may try again', async () => {
    keysAreDown = true
    const response = await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow())
    expect(response.headers.get('retry-after')).toBe('10')
    expect(await code(response)).toEqual([503, 'ISSUER_UNREACHABLE'])
    keysAreDown = false
    expect((await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow())).status).toBe(202)
  })

  test('unknown keys do not make us ask the issuer each time', async () => {
    await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow())
    const before = issuer.asked.length
    for (let i = 0; i < 10; i++) await g.send('POST', '/api/v1/plugins/sms/ingest', undefined, await workflow({}, { kid: `k${i + 2}` }))
    expect(issuer.asked.length - before).toBeLessThanOrEqual(1)
  })
})

describe('which workflow may speak for a plugin', () => {
  const claims = { issuer: GITHUB_ACTIONS_ISSUER, repositoryId: 5, ownerId: 7, repository: 'Acme/SMS', workflowRef: 'Acme/SMS/.github/workflows/release.yml@refs/tags/v1', jobWorkflowRef: 'Acme/SMS/.github/workflows/release.yml@refs/tags/v1', ref: 'refs/tags/v1' }
  const mine = entry('sms', { repositories: [{ url: 'https://github.com/acme/sms', id: 5, ownerId: 7 }] })
  const flows = { repository: 'https://github.com/acme/flows', path: '.github/workflows/publish.yml', ref: 'refs/tags/v2' }

  test.each<[string, Parameters<typeof publisherRefusal>, boolean]>([
    ['its own, written in other letters', [claims, mine, NOW], true],
    ['after the move', [claims, entry('sms', { repositories: [{ ...mine.repositories[0]!, until: '2026-11-01T00:00:00Z' }] }), NOW], false],
    ['before the move', [claims, entry('sms', { repositories: [{ ...mine.repositories[0]!, until: '2026-12-01T00:00:00Z' }] }), NOW], true],
    ['a branch that the entry names', [{ ...claims, ref: 'refs/heads/main', workflowRef: 'acme/sms/.github/workflows/release.yml@refs/heads/main', jobWorkflowRef: 'acme/sms/.github/workflows/release.yml@refs/heads/main' }, { ...mine, signer: { ...mine.signer, refs: ['refs/heads/main'] } }, NOW], true],
    ['the reusable one that the entry names', [{ ...claims, jobWorkflowRef: 'acme/flows/.github/workflows/publish.yml@refs/tags/v2' }, { ...mine, signer: { ...mine.signer, reusable: flows } }, NOW], true],
    ['the reusable one at another ref', [{ ...claims, jobWorkflowRef: 'acme/flows/.github/workflows/publish.yml@refs/tags/v3' }, { ...mine, signer: { ...mine.signer, reusable: flows } }, NOW], false],
    ['with a token of another issuer, where numbers and names may be the same', [{ ...claims, issuer: 'https://ghe.example/_services/token' }, mine, NOW], false],
    ['of the other issuer that the entry names', [{ ...claims, issuer: 'https://ghe.example/_services/token' }, { ...mine, signer: { ...mine.signer, issuer: 'https://ghe.example/_services/token' } }, NOW], true],
    ['of GitHub, where the entry names another issuer', [claims, { ...mine, signer: { ...mine.signer, issuer: 'https://ghe.example/_services/token' } }, NOW], false],
    ['without the reusable one', [claims, { ...mine, signer: { ...mine.signer, reusable: flows } }, NOW], false],
  ])('%s', (_name, args, may) => expect(publisherRefusal(...args) === undefined).toBe(may))
})
