import { join } from 'node:path'
import { GITHUB_ACTIONS_ISSUER } from '../schemas/common.ts'
import type { ProofRequest, Verifier } from '../reconciler/ports.ts'
import { createVerifier } from '../registry/provenance/verifier.ts'
import { openVerdicts } from '../registry/provenance/verdicts.ts'
import { type Arena, first } from './arena.ts'
import { write } from './ground.ts'
import type { Loopback, OfferedPlugin } from './loopback.ts'
import { measured } from './measure.ts'
import { alone, growth, milliseconds, type Section } from './row.ts'

/** What one proof costs, alone and among many, in one thread of this process; and what a remembered one costs. */
export async function proofs(arena: Arena): Promise<Section> {
  const { ground, world, sizes } = arena
  const baseDir = ground.folder('proofs')
  write(baseDir, { 'trusted-root.json': world.trustedRoot })
  const requests = await Promise.all(first(arena, Math.max(...sizes.proofs)).map((plugin) => requestFor(plugin, world)))
  const proving = (): Verifier => createVerifier({ baseDir, now: Date.now })
  await all(proving(), requests)
  const points: { size: number; ms: number }[] = []
  for (const size of sizes.proofs) points.push({ size, ms: await median(sizes.growthRounds, () => all(proving(), requests.slice(0, size))) })
  const remembering = createVerifier({ baseDir, now: Date.now, verdicts: openVerdicts(join(baseDir, 'verdicts')) })
  await all(remembering, requests)
  const remembered = await median(sizes.growthRounds, () => all(remembering, requests))
  const last = points.at(-1) ?? { size: 1, ms: 0 }
  return {
    title: 'Proving a release',
    note: 'One thread, everything loaded and warm: signature, certificate chain, certificate log, transparency log, statement and identity, from the bytes of a bundle.',
    rows: [
      alone('one bundle of many', milliseconds(last.ms / last.size)),
      alone('one bundle, proven before', milliseconds(remembered / requests.length)),
      ...points.slice(1).map((point, i) => growth('prove', 'bundles', points[i] ?? point, point, 1.3)),
    ],
  }
}

async function requestFor(plugin: OfferedPlugin, world: Loopback): Promise<ProofRequest> {
  const answer = await fetch(plugin.bundleUrl)
  if (!answer.ok) throw new Error(`${world.githubUrl} has no bundle of ${plugin.id}: ${answer.status}`)
  const authority = { profile: './trusted-root.json', issuer: GITHUB_ACTIONS_ISSUER, repositories: [plugin.repository], workflow: '.github/workflows/release.yml', refs: [] }
  return { artifactDigest: plugin.sha256, bundle: new Uint8Array(await answer.arrayBuffer()), authority, tag: plugin.tag, commit: plugin.commit }
}

async function all(verifier: Verifier, requests: readonly ProofRequest[]): Promise<void> {
  for (const request of requests) await verifier.verify(request)
}

async function median(rounds: number, work: () => Promise<void>): Promise<number> {
  const samples: number[] = []
  for (let i = 0; i < rounds; i++) {
    const start = performance.now()
    await work()
    samples.push(performance.now() - start)
  }
  return measured('', samples).median
}
