import { resolve } from 'node:path'
import { lintRegistry } from '../../catalog/lint/lint.ts'
import type { Command } from '../command.ts'
import { entriesAt, factsFrom } from '../compose-ingest.ts'
import type { RegistryContext } from '../compose-registry.ts'

interface LintArguments {
  readonly folder?: string
  readonly base?: string
  readonly offline?: boolean
}

/** `catalyst registry lint [FOLDER]`: all that a reviewer should hear about entries; with `--base` about those alone that are new or changed. */
export const lintCommand: Command<LintArguments, RegistryContext> = async ({ registry }, { folder, base, offline }) => {
  const dir = folder === undefined ? registry.dir : resolve(folder)
  const before = base === undefined ? undefined : await entriesAt(registry, dir, base)
  const report = await lintRegistry(dir, { base: before, factsOf: offline ? undefined : await factsFrom(registry) })
  const errors = report.problems.filter(({ severity }) => severity !== 'warning').length
  const what = before ? `${report.changed.length} new or changed of ${report.entries} entries` : report.entries === 1 ? '1 entry' : `${report.entries} entries`
  const text = errors > 0 ? `${what}: ${errors} ${errors === 1 ? 'problem' : 'problems'}.` : `${what}: nothing stands in the way${offline ? '; GitHub was not asked' : ''}.`
  return { exit: 0, text, result: report, problems: report.problems }
}
