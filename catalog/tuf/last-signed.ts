import { runGit } from '../../registry/git-command.ts'
import { difference, type Signable } from './ceremony.ts'
import { readMetadata, type Envelope, type TargetsSigned } from './metadata.ts'

/** Versions of one file that are looked at, newest first. */
const MAX_VERSIONS = 200

/**
 * What signing a bin of entries changes against the newest version in git that enough people signed, whoever staged what
 * lies here now. Every path is named: nothing is signed unseen. Without such a version all of it is new.
 */
export async function changesToSign(dir: string, { file, data, missingOf }: Signable, env: NodeJS.ProcessEnv): Promise<string> {
  const before = (await committed(dir, file, env)).filter((version) => missingOf(version) === 0)
  const newest = before.reduce<Envelope<TargetsSigned> | undefined>((best, version) => (best && best.signed.version >= version.signed.version ? best : version), undefined)
  return difference(newest?.signed.targets ?? {}, (data.signed as TargetsSigned).targets)
}

/** Empty where there is no git. */
async function committed(dir: string, file: string, env: NodeJS.ProcessEnv): Promise<readonly Envelope<TargetsSigned>[]> {
  const git = (args: readonly string[], input?: string) => runGit(['-C', dir, ...args], { env }, input === undefined ? undefined : Buffer.from(input))
  const [log, prefix] = await Promise.all([git(['log', '--format=%H', `--max-count=${MAX_VERSIONS}`, '--', file]), git(['rev-parse', '--show-prefix'])])
  if (log.exit !== 0 || prefix.exit !== 0) return []
  const commits = log.out.toString().split('\n').filter((commit) => commit !== '')
  const { out } = await git(['cat-file', '--batch'], commits.map((commit) => `${commit}:${prefix.out.toString().trim()}${file}\n`).join(''))
  return blobs(out).flatMap((bytes) => metadata(bytes, file))
}

/** What `git cat-file --batch` answers: `<id> blob <size>`, the bytes, a line end; `… missing` where there is none. */
function blobs(out: Buffer): readonly Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < out.length; ) {
    const end = out.indexOf('\n', at)
    const size = / blob (\d+)$/.exec(out.subarray(at, end).toString())?.[1]
    at = end + 1
    if (size === undefined) continue
    found.push(out.subarray(at, at + Number(size)))
    at += Number(size) + 1
  }
  return found
}

/** A version that cannot be read was signed by nobody. */
function metadata(bytes: Buffer, file: string): readonly Envelope<TargetsSigned>[] {
  try {
    return [readMetadata<TargetsSigned>('targets', bytes, file)]
  } catch {
    return []
  }
}
