import { describe, expect, test } from 'vitest'
import { linesFile, mergeLines } from '../../../catalog/ingest/lines.ts'
import { type Case, decideVerdict, mustLookAgain } from '../../../catalog/ingest/verdict.ts'
import type { Verdict } from '../../../catalog/ports.ts'
import { GITHUB_ACTIONS_ISSUER } from '../../../schemas/common.ts'
import { sha256 } from '../../../schemas/digest.ts'
import type { IndexLine } from '../../../schemas/index-line.ts'
import { normalizePermissions } from '../../../schemas/permissions.ts'
import { writeYaml } from '../../../schemas/plain-yaml.ts'
import type { RegistryEntry } from '../../../schemas/registry-entry.ts'
import { readIndexLines } from '../../../schemas/registry-files.ts'
import { entry, lineFor } from '../../builders/catalog.ts'

/* The rules of docs/adr/0018, one by one. */

const REGISTRY = { apiVersion: 'catalyst.dev/v1', kind: 'Registry', name: 'official' } as const
const AT = '2026-11-30T12:00:00.000Z'

/** A clean release of a plugin within its entry; a test says what is odd. */
function given(odd: { entry?: Partial<RegistryEntry>; line?: Partial<IndexLine>; signer?: object; case?: Partial<Case> } = {}): Case {
  const own = entry('sms', odd.entry)
  const line = lineFor(entry('sms'), '1.0.0', odd.line)
  const signer = { kind: 'provenance', profile: 'public-good', predicateType: 'https://slsa.dev/provenance/v1', issuer: GITHUB_ACTIONS_ISSUER, workflow: '.github/workflows/release.yml', ref: 'refs/tags/v1.0.0', ...odd.signer } as const
  const proof = { signer, repository: line.repository, commit: line.commit, publishedAt: line.publishedAt }
  const { repository, tag, commit, artifact, bundle, publishedAt } = line
  return {
    id: 'sms', version: '1.0.0', release: { repository, tag, commit, artifact, bundle: { url: bundle.url, sha256: bundle.sha256 }, publishedAt },
    outcome: { kind: 'proven', proof, line, findings: [] }, entry: { entry: own, text: writeYaml(own), digest: sha256('entry') }, registry: REGISTRY, before: undefined, notice: undefined, killed: undefined, at: AT, ...odd.case,
  }
}

const inReview = (verdict: Verdict) => ({ verdict: verdict.verdict, differences: verdict.evidence.differences.map(({ kind, found }) => `${kind} ${found}`), proposal: verdict.evidence.proposal?.split('\n').filter((line) => /^[+-]/.test(line)) })

test('a clean release is listed', () => expect(decideVerdict(given())).toMatchObject({ verdict: 'listed', line: { version: '1.0.0' }, evidence: { problems: [], differences: [] } }))

describe('beyond its entry a release is in review, with the lines that would allow it', () => {
  const api = (...hosts: string[]) => normalizePermissions({ api: hosts })
  test.each<[string, Parameters<typeof given>[0], string[], string[] | undefined]>([
    ['a new host', { entry: { permissions: { api: ['a.example'] } }, line: { permissions: api('a.example', 'b.example') } }, ['host b.example:443'], ['+     - b.example:443']],
    ['a host where none is allowed', { line: { permissions: api('b.example') } }, ['host b.example:443'], ['+ permissions:', '+   api: [b.example:443]']],
    ['write where read is allowed', { entry: { permissions: { database: { orders: 'read' } } }, line: { permissions: normalizePermissions({ database: { orders: 'write' } }) } }, ['permission database orders: write'], ['-     orders: read', '+     orders: write']],
    ['a new hook', { entry: { permissions: { hooks: ['order.placed'] } }, line: { permissions: normalizePermissions({ hooks: ['order.placed', 'order.paid'] }) } }, ['permission hooks order.paid'], ['+     - order.paid']],
    ['another workflow', { signer: { workflow: '.github/workflows/other.yml' } }, ['workflow .github/workflows/other.yml'], ['-   workflow: .github/workflows/release.yml', '+   workflow: .github/workflows/other.yml']],
    ['another owner', { line: { repository: { ...lineFor(entry('sms'), '1.0.0').repository, ownerId: 8 } } }, ['owner 8 (https://github.com/acme/sms)'], undefined],
    ['another repository', { line: { repository: { url: 'https://github.com/acme/sms2', id: 99, ownerId: 7 } } }, ['repository https://github.com/acme/sms2 (id 99, owner 7)'], undefined],
    ['a name that the entry does not know', { line: { repository: { ...lineFor(entry('sms'), '1.0.0').repository, url: 'https://github.com/acme/sms-renamed' } } }, ['repository https://github.com/acme/sms-renamed (the same repository under another name)'], undefined],
    ['signed from a branch', { signer: { ref: 'refs/heads/main' } }, ['tag refs/heads/main'], undefined],
    ['a repository whose time is over', { entry: { repositories: [{ ...entry('sms').repositories[0]!, until: '2026-01-01T00:00:00Z' }] } }, ['repository https://github.com/acme/sms, signed at 2026-11-01T00:00:00Z'], undefined],
    ['downloads from elsewhere', { line: { artifact: { ...lineFor(entry('sms'), '1.0.0').artifact, url: 'https://evil.example/sms.tgz' } } }, ['repository https://evil.example/sms.tgz'], undefined],
  ])('%s', (_name, odd, differences, proposal) => {
    const found = inReview(decideVerdict(given(odd)))
    expect({ verdict: found.verdict, differences: found.differences }).toEqual({ verdict: 'in-review', differences })
    if (proposal) expect(found.proposal).toEqual(proposal)
    else expect(found.proposal?.length).toBeGreaterThan(0)
  })
})

describe('what was decided stands', () => {
  const listed = decideVerdict(given())
  const refused = { kind: 'refused', problems: [{ code: 'SIGNATURE_INVALID', message: 'no' }], proof: undefined } as const
  test('a listed release keeps its line whatever it is now', () => {
    expect(decideVerdict(given({ case: { before: listed, outcome: refused } }))).toEqual({ ...listed, decidedAt: AT })
    expect(mustLookAgain(listed, { ...listed.release, artifact: { ...listed.release.artifact, sha256: sha256('other') } }, sha256('other entry'), AT)).toBe(false)
  })
  test('so does a no of a person, also when the entry would allow it', () => {
    const no: Verdict = { ...listed, verdict: 'rejected', line: undefined, evidence: { ...listed.evidence, by: 'maintainer:ana: no' } }
    expect(decideVerdict(given({ case: { before: no } }))).toEqual(no)
    expect(mustLookAgain(no, no.release, sha256('other entry'), AT)).toBe(false)
  })
  test('a refused release is rejected, and looked at again when it, its bundle or the entry changes', () => {
    const rejected = decideVerdict(given({ case: { outcome: refused } }))
    expect(rejected).toMatchObject({ verdict: 'rejected', line: undefined, evidence: { problems: [{ code: 'SIGNATURE_INVALID' }] } })
    expect(mustLookAgain(rejected, rejected.release, sha256('entry'), AT)).toBe(false)
    expect(mustLookAgain(rejected, rejected.release, sha256('another entry'), AT)).toBe(true)
    expect(mustLookAgain(rejected, { ...rejected.release, bundle: { url: 'x', sha256: sha256('late') } }, sha256('entry'), AT)).toBe(true)
  })
  test('the kill list withdraws what is listed and rejects what comes', () => {
    expect(decideVerdict(given({ case: { before: listed, killed: 'steals cards' } }))).toMatchObject({ verdict: 'withdrawn', line: { yanked: { reason: 'steals cards' }, advisories: [{ level: 'malicious' }] } })
    expect(decideVerdict(given({ case: { killed: 'steals cards' } }))).toMatchObject({ verdict: 'rejected', line: undefined, evidence: { problems: [{ code: 'PLUGIN_KILLED' }] } })
  })
})

describe('what no index can hold is rejected, so that the bot never writes what it cannot read', () => {
  const codes = (odd: Parameters<typeof given>[0]) => decideVerdict(given(odd)).evidence.problems.map(({ code }) => code)
  test('a version that is listed but for build metadata', () => expect(codes({ case: { version: '1.0.0+1', taken: '1.0.0' } })).toEqual(['VERSION_TAKEN']))
  test('a line over the limit', () => {
    const dependencies = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`dep-${n}`, `${'>=1.0.0 <2.0.0 || '.repeat(9)}^3.0.0`]))
    expect(codes({ line: { dependencies } })).toEqual(['FILE_TOO_LARGE'])
  })
  test('a line of another form', () => expect(codes({ line: { commit: 'short' } })).toEqual(['INVALID_VALUE']))
  test('a bundle where stores fetch nothing; it may come as an asset', () => {
    const verdict = decideVerdict(given({ line: { bundle: { ...lineFor(entry('sms'), '1.0.0').bundle, url: 'https://api.github.com/repos/acme/sms/attestations/sha256:aa' } } }))
    expect(verdict).toMatchObject({ verdict: 'rejected', line: undefined, evidence: { problems: [{ code: 'BUNDLE_MISSING' }] } })
    expect(mustLookAgain(verdict, verdict.release, sha256('entry'), '2026-12-07T11:59:59.999Z')).toBe(true)
    expect(mustLookAgain(verdict, verdict.release, sha256('entry'), '2026-12-07T12:00:00.000Z')).toBe(false)
  })
  test('a thousand advisories: each stands once, the gravest stay, the line can be read with the kill list on it', () => {
    const advisories = Array.from({ length: 1_000 }, (_, n) => ({ id: `CAT-${n % 500}`, level: n % 500 === 7 ? 'malicious' : 'notice', title: '\u0001'.repeat(300) } as const))
    const notice = { version: '1.0.0', yanked: '\u0001'.repeat(300), advisories }
    const listed = decideVerdict(given({ case: { notice } }))
    expect(listed.line?.advisories).toContainEqual(advisories[7])
    expect(listed.line?.advisories?.at(-1)).toEqual(advisories[499])
    expect(new Set(listed.line?.advisories?.map(({ id }) => id)).size).toBe(listed.line?.advisories?.length)
    const killed = decideVerdict(given({ case: { before: listed, notice, killed: '\u0001'.repeat(300) } }))
    expect(killed.line?.advisories?.length).toBe(listed.line!.advisories!.length + 1)
    expect(readIndexLines(linesFile([killed.line!]), 'f', 'sms')).toHaveLength(1)
    const short = Array.from({ length: 33 }, (_, n) => ({ id: `CAT-${n}`, level: 'notice' } as const))
    expect(decideVerdict(given({ case: { notice: { ...notice, advisories: short } } })).line?.advisories?.map(({ id }) => id)).toEqual(short.slice(2).map(({ id }) => id))
  })
})

test('a name in other letters is another name, for every store compares exactly', () => {
  const { repository } = lineFor(entry('sms'), '1.0.0')
  expect(inReview(decideVerdict(given({ line: { repository: { ...repository, url: 'https://github.com/Acme/SMS' } } })))).toMatchObject({ verdict: 'in-review', differences: ['repository https://github.com/Acme/SMS (the same repository under another name)'] })
})

describe('lines in git', () => {
  const verdict = (version: string, odd: Partial<IndexLine> = {}): Verdict => {
    const { evidence, ...rest } = decideVerdict(given({ signer: { ref: `refs/tags/v${version}` }, line: { tag: `v${version}` } }))
    return { ...rest, version, verdict: 'listed', line: lineFor(entry('sms'), version, odd), evidence }
  }
  test('grow, oldest version first, and lose none that the catalog does not know', () => {
    expect(mergeLines([lineFor(entry('sms'), '2.0.0')], [verdict('10.0.0'), verdict('1.0.0')], entry('sms'), REGISTRY).lines.map(({ version }) => version)).toEqual(['1.0.0', '2.0.0', '10.0.0'])
  })
  test('change in yank and advisories alone', () => {
    const inGit = [lineFor(entry('sms'), '1.0.0')]
    expect(mergeLines(inGit, [verdict('1.0.0', { yanked: { reason: 'x' } })], entry('sms'), REGISTRY)).toMatchObject({ lines: [{ yanked: { reason: 'x' } }], edited: [] })
    expect(mergeLines(inGit, [verdict('1.0.0', { commit: 'f'.repeat(40) })], entry('sms'), REGISTRY)).toEqual({ lines: inGit, edited: ['1.0.0'], withheld: [] })
  })
  test('never say more than the entry says now, whatever was decided', () => {
    const wide = verdict('1.0.0', { permissions: normalizePermissions({ api: ['b.example'] }) })
    expect(mergeLines([], [wide], entry('sms'), REGISTRY)).toMatchObject({ lines: [], withheld: [{ version: '1.0.0', why: 'host b.example:443, the entry allows none' }] })
    expect(mergeLines([], [{ ...verdict('1.0.0'), verdict: 'in-review' }, { ...verdict('2.0.0'), verdict: 'rejected' }], entry('sms'), REGISTRY).lines).toEqual([])
  })
  test('nor come from a workflow that the entry no longer names', () => {
    const other = entry('sms', { signer: { workflow: '.github/workflows/new.yml' } })
    expect(mergeLines([], [decideVerdict(given())], other, REGISTRY)).toMatchObject({ lines: [], withheld: [{ version: '1.0.0', why: 'workflow .github/workflows/release.yml, the entry allows .github/workflows/new.yml' }] })
  })
  test('are such that they can be read, whatever was decided: one version once, and no more than a file may hold', () => {
    const [one, again] = [verdict('1.0.0'), verdict('1.0.0+1')]
    expect(mergeLines([], [one, again], entry('sms'), REGISTRY)).toMatchObject({ lines: [{ version: '1.0.0' }], withheld: [{ version: '1.0.0+1' }] })
    const conflicts = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`other-${n}`, `${'>=1.0.0 <2.0.0 || '.repeat(9)}^3.0.0`]))
    const many = Array.from({ length: 300 }, (_, n) => ({ ...verdict(`1.${n}.0`, { conflicts }), evidence: { ...one.evidence, proof: undefined } }))
    const merged = mergeLines([], many, entry('sms'), REGISTRY)
    expect(merged.lines.length + merged.withheld.length).toBe(300)
    expect(merged.withheld[0]).toMatchObject({ why: 'the index file of the plugin is full' })
    expect(readIndexLines(linesFile(merged.lines), 'f', 'sms')).toHaveLength(merged.lines.length)
  })
})
