import { found, rotate, sign, signable, stage, type Rotation, type Signable } from '../../catalog/tuf/ceremony.ts'
import { newSigner, publicKeyFrom, publicText } from '../../catalog/tuf/key-file.ts'
import { currentRoot, readRoots } from '../../catalog/tuf/people.ts'
import { folder } from '../../catalog/tuf/index-tree.ts'
import { changesToSign } from '../../catalog/tuf/last-signed.ts'
import { SIGNED } from '../../catalog/tuf/layout.ts'
import { CatalystError } from '../../schemas/errors.ts'
import type { Command } from '../command.ts'
import type { RegistryContext } from '../compose-registry.ts'
import { newKeyPath } from '../key-files.ts'
import { keyNames, rolesOf, waitingOf } from '../render/registry-keys.ts'
import { safe } from '../terminal.ts'

type Of<A> = Command<A, RegistryContext>

/** `catalyst registry keys new NAME --out FILE`: a key of one person or bot. */
export const newCommand: Of<{ readonly name: string; readonly out: string }> = async ({ registry }, { name, out }) => {
  const signer = newSigner(name)
  const key = publicText(publicKeyFrom(publicText(signer.key)))
  await registry.writeKeys(out, [{ name, pem: signer.pem }])
  return { exit: 0, text: `Made a key; its private half is in ${out}, encrypted.\nIts public half, for the others:\n\n  ${key}`, result: { name, key, keyid: signer.keyid, file: out } }
}

export interface InitArguments {
  readonly maintainer: readonly string[]
  readonly threshold?: number
  readonly root?: readonly string[]
  readonly rootThreshold?: number
  readonly online: string
  readonly bins?: number
}

/** `catalyst registry keys init`: the first root and the delegations, to be signed by the people named, and the bot's keys. */
export const initCommand: Of<InitArguments> = async ({ registry }, { maintainer, threshold, root = maintainer, rootThreshold, online, bins = 16 }) => {
  newKeyPath(online, registry.dir)
  const bits = Math.log2(bins)
  if (!Number.isInteger(bits) || bits < 1 || bits > 9) throw new CatalystError('USAGE', `--bins ${bins} is no power of two from 2 to 512`)
  const people = maintainer.map(publicKeyFrom)
  const bot = { index: newSigner('index'), snapshot: newSigner('snapshot'), timestamp: newSigner('timestamp') }
  const most = (keys: readonly unknown[]): number => Math.min(2, keys.length)
  const files = await found(registry.dir, {
    root: root.map(publicKeyFrom), rootThreshold: rootThreshold ?? most(root), maintainers: people, threshold: threshold ?? most(people),
    online: { index: bot.index.key, snapshot: bot.snapshot.key, timestamp: bot.timestamp.key }, bits, now: registry.now(),
  })
  await registry.writeKeys(online, Object.entries(bot).map(([name, { pem }]) => ({ name, pem })))
  const next = `Next: commit tuf/, and let each maintainer run\n\n  catalyst registry keys sign --key THEIR-KEY-FILE\n\nStores pin ${SIGNED.root(1)} once it is signed.`
  return { exit: 0, text: `Wrote ${files.join(', ')}, and the bot's keys into ${online}, encrypted.\n${next}`, result: { written: files, online } }
}

/** `catalyst registry keys show`. */
export const showCommand: Of<object> = async ({ registry }) => {
  const files = await signable(registry.dir)
  const roles = rolesOf(files)
  const waiting = waitingOf(files)
  const rows = roles.map(({ role, threshold, keys, expires }) => `${role.padEnd(10)}  ${threshold} of ${keys.length}  ${keys.map(safe).join(', ')}${expires === undefined ? '' : `  until ${expires.slice(0, 10)}`}`)
  const wait = waiting.length === 0 ? 'Nothing waits for signatures.' : `Waiting for signatures:\n${waiting.map(({ file, missing, by }) => `  ${file}: ${missing} more${by.length > 0 ? `, signed by ${by.map(safe).join(', ')}` : ''}`).join('\n')}`
  return { exit: 0, text: `${rows.join('\n')}\n\n${wait}`, result: { roles, waiting } }
}

/** `catalyst registry keys sign --key FILE`: shows what would be signed, asks, and adds the signatures. */
export const signCommand: Of<{ readonly key: readonly string[]; readonly yes?: boolean }> = async ({ registry, terminal, json }, { key, yes }) => {
  const signers = await registry.keys(key)
  const staged = await stage(registry.dir, registry.now())
  const told = new Map(staged.map(({ file, what }) => [file, what]))
  const open = (await signable(registry.dir)).filter(({ data, missingOf }) => missingOf(data) > 0)
  const what = async (file: Signable): Promise<string> => (isBin(file) ? changesToSign(registry.dir, file, registry.env) : [told.get(file.file) ?? [], keyNames(file)].flat().join(': '))
  const rows = await Promise.all(open.map(async (file) => `  ${file.file}: ${safe(await what(file))}`))
  if (open.length > 0 && !yes) await consent(`${rows.join('\n')}\nSign this?`, { terminal, json })
  const done = await sign(registry.dir, signers)
  const waiting = done.filter(({ missing }) => missing > 0)
  const more = waiting.length > 0 ? `${waiting.length} of them wait for the next maintainer: commit, and let them run the same command.` : 'All of them are complete: commit, and publish.'
  return { exit: 0, text: done.length === 0 ? 'Nothing waits for a signature of yours.' : `${rows.join('\n')}\nSigned ${done.length} files. ${more}`, result: { signed: done } }
}

/** A file that names entries, not keys. */
function isBin({ data: { signed } }: Signable): boolean {
  return signed._type === 'targets' && signed.delegations === undefined
}

async function consent(question: string, { terminal, json }: Pick<RegistryContext, 'terminal' | 'json'>): Promise<void> {
  if (json || !terminal.ask) throw new CatalystError('USAGE', 'nobody can be asked here, and a signature cannot be taken back', { hint: 'Read what it would sign with `catalyst registry keys show`, then run the same command with --yes.' })
  if (!/^y(es)?$/i.test((await terminal.ask(`${question} [y/N] `)).trim())) throw new CatalystError('USAGE', 'not confirmed', { hint: 'Nothing was signed.' })
}

const ROLES: readonly string[] = ['root', 'maintainers', 'index', 'snapshot', 'timestamp'] satisfies readonly Rotation['role'][]

/** `catalyst registry keys rotate ROLE`: stages the next version of what names its keys. */
export const rotateCommand: Of<{ readonly role: string; readonly add?: readonly string[]; readonly remove?: readonly string[]; readonly threshold?: number }> = async ({ registry }, { role, add = [], remove = [], threshold }) => {
  if (!ROLES.includes(role)) throw new CatalystError('USAGE', `${role} is no role`, { hint: `Roles are ${ROLES.join(', ')}.` })
  if (add.length === 0 && remove.length === 0 && threshold === undefined) throw new CatalystError('USAGE', 'nothing to change', { hint: 'Give --add, --remove or --threshold.' })
  const files = await rotate(registry.dir, { role: role as Rotation['role'], add: add.map(publicKeyFrom), remove, threshold, now: registry.now() })
  const before = currentRoot(await readRoots(folder(registry.dir).read))
  const who = files.some((file) => file.endsWith('.root.json')) ? ` A new root needs ${before.roles.root.threshold} of the present root keys, and enough of its own.` : ''
  return { exit: 0, text: `Staged ${files.join(', ')}.${who}\nNext: commit, and let the maintainers run \`catalyst registry keys sign --key FILE\`.`, result: { staged: files } }
}
