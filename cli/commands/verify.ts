import type { Command } from '../command.ts'
import { readGivenFile } from '../given-file.ts'
import { safe } from '../terminal.ts'

export interface VerifyArgs {
  readonly file: string
  readonly bundle: string
  readonly identity: string
  readonly issuer: string
  readonly sourceRepository?: string
  readonly trustedRoot?: string
  readonly key?: string
}

/** `catalyst verify FILE --bundle B --identity SAN --issuer URL …`: exit 0 when proven, 5 for anything else. */
export const verifyCommand: Command<VerifyArgs> = async ({ house, paint }, args) => {
  const [artifact, bundle] = await Promise.all([readGivenFile(args.file), readGivenFile(args.bundle)])
  const proof = await house.verifyByHand({
    artifact,
    bundle,
    identity: args.identity,
    issuer: args.issuer,
    ...(args.sourceRepository ? { sourceRepository: args.sourceRepository } : {}),
    ...(args.trustedRoot ? { trustedRoot: args.trustedRoot } : {}),
    ...(args.key ? { key: (await readGivenFile(args.key)).toString('utf8') } : {}),
  })
  const rows = Object.entries(proof).filter(([, value]) => value !== undefined && value !== null)
  const text = [`${paint('good', '✓')} Verified ${safe(args.file)}`, ...rows.map(([name, value]) => `  ${name.padEnd(16)} ${safe(typeof value === 'string' ? value : JSON.stringify(value))}`)].join('\n')
  return { exit: 0, text, result: proof }
}
