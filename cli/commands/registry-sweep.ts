import type { Command } from '../command.ts'
import { passOf } from '../compose-ingest.ts'
import type { RegistryContext } from '../compose-registry.ts'
import { passJson, passText } from '../render/registry-pass.ts'

interface SweepArguments {
  readonly registry?: string
  readonly database?: string
  readonly sigstore: string
  readonly reserve: number
  readonly topic: boolean
}

/** `catalyst registry sweep [FOLDER|URL]`: looks at every repository, and for new ones by their topic; goes on where it stopped. */
export const sweepCommand: Command<SweepArguments, RegistryContext> = async ({ registry: house, paint }, options) => {
  const report = await passOf(house, 'sweep', { ...options, ids: [] })
  return { exit: 0, text: passText(report, paint), result: passJson(report), problems: report.troubles }
}
