import type { Command } from '../command.ts'
import { passOf } from '../compose-ingest.ts'
import type { RegistryContext } from '../compose-registry.ts'
import { passJson, passText } from '../render/registry-pass.ts'

interface IngestArguments {
  readonly registry: string
  readonly ids: readonly string[]
  readonly database?: string
  readonly sigstore: string
  readonly reserve: number
}

/** `catalyst registry ingest FOLDER|URL [ID…]`: looks at what somebody wants (webhooks, people, new entries) and at these plugins. */
export const ingestCommand: Command<IngestArguments, RegistryContext> = async ({ registry: house, paint }, options) => {
  const report = await passOf(house, 'wanted', { ...options, topic: false })
  return { exit: 0, text: passText(report, paint), result: passJson(report), problems: report.troubles }
}
