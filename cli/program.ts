import { Command as Program, CommanderError, InvalidArgumentError, Option } from 'commander'
import { CatalystError } from '../schemas/errors.ts'
import { onlyCommandsOf } from './command-group.ts'
import type { Command, CommandContext, CommandResult } from './command.ts'
import type { RegistryContext } from './compose-registry.ts'
import { REGISTRY_COMMANDS } from './registry-commands.ts'

/** One invocation as parsed: which command, on what, with what, under which common options. */
export type Invocation = InvocationOf<'store', CommandContext> | InvocationOf<'registry', RegistryContext>

interface InvocationOf<K extends string, C> {
  /** What `-C` names: a store's repository, or a registry's. */
  readonly of: K
  readonly name: string
  readonly json: boolean
  readonly dir: string
  run(context: C): Promise<CommandResult>
}

export type Loader<A, C = CommandContext> = () => Promise<Command<A, C>>

/**
 * Parses arguments. Commands are loaded only when they run, so that `--help` and a refused argument start nothing.
 * @throws CatalystError USAGE with commander's message, or `undefined` after help or version was printed
 */
export function parseArguments(argv: readonly string[], version: string, write: (text: string) => void): Invocation | undefined {
  let invocation: Invocation | undefined
  const program = new Program('catalyst')
    .description('Plugins for a Catalyst store: plugins.yaml says what is wanted, this makes it so.')
    .usage('[options] <command>')
    .option('-C, --dir <dir>', 'the repository of the store, or of the registry', '.')
    .option('--json', 'print one JSON document instead of text')
    .helpCommand('help [command]', 'what a command does, with its options')
    .addHelpText('after', EXIT_CODES)
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => undefined })
  const common = (): { dir: string; json: boolean } => ({ json: false, ...program.opts<{ dir: string; json?: boolean }>() })
  const on: On = (name, load, args) => (...given) => void (invocation = { of: 'store', name, ...common(), run: async (context) => (await load())(context, args(...given)) })
  const onRegistry: OnRegistry = (name, load, args) => (...given) => void (invocation = { of: 'registry', name, ...common(), run: async (context) => (await load())(context, args(...given)) })
  const asked = argv.filter((word) => Object.hasOwn(COMMANDS, word))
  define(program, { on, onRegistry }, asked.length > 0 && !argv.some((word) => HELP.has(word)) ? new Set(asked) : Object.keys(COMMANDS))
  // Only where no command is named: `add ID --version RANGE` means a range of its own.
  if (asked.length === 0) program.version(version)
  return parsed(program, argv, () => invocation)
}

function parsed(program: Program, argv: readonly string[], invocation: () => Invocation | undefined): Invocation | undefined {
  if (argv.length === 0) {
    program.outputHelp()
    return undefined
  }
  try {
    program.parse([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw new CatalystError('USAGE', error.message.replace(/^error: /, ''), { cause: error, hint: helpHint(argv) })
  }
  return invocation()
}

/** Where to read on: the help of the command that was meant, when one was named. */
function helpHint(argv: readonly string[]): string | undefined {
  const [name] = argv.filter((word) => Object.hasOwn(COMMANDS, word))
  return name === undefined ? undefined : `Run \`catalyst ${name} --help\` for its arguments and options.`
}

// oxlint-disable-next-line typescript/no-explicit-any -- commander hands over what it parsed without types
type FromArguments<A> = (...given: any[]) => A

/** What runs when a command is named: its name, how it is loaded, and its arguments out of what commander parsed. */
export type On = <A>(name: string, load: Loader<A>, args: FromArguments<A>) => (...given: unknown[]) => void

/** The same for a command that works on a registry. */
export type OnRegistry = <A>(name: string, load: Loader<A, RegistryContext>, args: FromArguments<A>) => (...given: unknown[]) => void

interface Handlers {
  readonly on: On
  readonly onRegistry: OnRegistry
}

/** Words after which all commands may be shown. */
const HELP: ReadonlySet<string> = new Set(['help', '-h', '--help'])

/** Only the commands that are asked for: defining all of them takes longer than parsing. */
function define(program: Program, { on, onRegistry }: Handlers, names: Iterable<string>): void {
  for (const name of names) COMMANDS[name]?.(program, on, onRegistry)
  onlyCommandsOf(program, 'catalyst', Object.keys(COMMANDS))
}

/** `catalyst registry …`: what the maintainers of a registry use. */
function registryGroup(program: Program, onRegistry: OnRegistry): void {
  const group = program.command('registry').description('for maintainers of a registry: keys, publishing, and what is listed').usage('[options] <command>')
  for (const define of Object.values(REGISTRY_COMMANDS)) define(group, onRegistry)
  onlyCommandsOf(group, 'catalyst registry', Object.keys(REGISTRY_COMMANDS))
}

const EXIT_CODES = `
Exit codes:
  0  done, or nothing to do
  1  error                          5  verification failed, or could not be done
  2  changes (--detailed-exitcode)  6  drift (status --check)
  3  a decision in git is missing   7  busy: another process applies
  4  the lock is stale or missing

docs/operating.md says what to do about each.`

const ANSWER = 'ID:CLASS=keep or =remove, to what a policy asks about a removed plugin; may be repeated'

/** @throws InvalidArgumentError, which becomes USAGE with the name of the option */
function wholeNumber(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(text)
}

/** @throws InvalidArgumentError, which becomes USAGE with the name of the option */
function digest(text: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('It takes all of a digest: sha256: and 64 hex digits.')
  return text
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

/** Every command with its arguments, in the order in which help shows them. */
const COMMANDS: Readonly<Record<string, (program: Program, on: On, onRegistry: OnRegistry) => unknown>> = {
  init: (program, on) =>
    program.command('init').description('write a first plugins.yaml').option('--id <id>', 'id of the store').option('--registry <url>', 'URL of the first registry')
      .action(on('init', async () => (await import('./commands/init.ts')).initCommand, (options) => options)),
  add: (program, on) =>
    program.command('add <id>').description('add a plugin, after showing what it asks for').option('--version <range>', 'version or range').option('--registry <name>', 'take it from this registry').option('--source <source>', 'take it from a repository: github:owner/repo[#path]').option('-y, --yes', 'grant what it asks for')
      .action(on('add', async () => (await import('./commands/add.ts')).addCommand, (id, options) => ({ id, ...options }))),
  adopt: (program, on) =>
    program.command('adopt [id]').description('make git say what is installed, of one plugin or of all').option('--dry-run', 'only tell')
      .action(on('adopt', async () => (await import('./commands/adopt.ts')).adoptCommand, (id, options) => ({ id, ...options }))),
  remove: (program, on) =>
    program.command('remove <id>').description('take a plugin out of plugins.yaml').option('--with-dependents', 'and those that need it')
      .action(on('remove', async () => (await import('./commands/remove.ts')).removeCommand, (id, options) => ({ id, ...options }))),
  lock: (program, on) =>
    program.command('lock').description('choose and prove versions; write plugins.lock.yaml').addOption(new Option('--check', 'only tell whether the lock answers plugins.yaml').conflicts('merge')).addOption(new Option('--prove', 'with --check: prove every release again, as a pull request should').implies({ check: true }).conflicts('merge')).option('--merge', 'resolve merge conflicts in the lock')
      .action(on('lock', async () => (await import('./commands/lock.ts')).lockCommand, (options) => options)),
  update: (program, on) =>
    program.command('update [ids...]').description('move plugins forward as far as the policy allows').option('--latest', 'past the range in plugins.yaml')
      .action(on('update', async () => (await import('./commands/lock.ts')).updateCommand, (ids, options) => ({ ids, ...options }))),
  outdated: (program, on) =>
    program.command('outdated').description('newer versions, and why they are not taken')
      .action(on('outdated', async () => (await import('./commands/outdated.ts')).outdatedCommand, () => ({}))),
  why: (program, on) =>
    program.command('why <id>').description('who wants a plugin, who signed it, what it may do')
      .action(on('why', async () => (await import('./commands/why.ts')).whyCommand, (id) => ({ id }))),
  plan: (program, on) =>
    program.command('plan').description('what apply would do').option('--check', 'also read every installed file, to see what was altered').option('--detailed-exitcode', 'exit 2 when there are changes').option('--markdown', 'for a job summary').option('--answer <answer>', ANSWER, collected).option('--observed <file>', 'snapshot of the store (see status --snapshot), for machines that cannot reach it').option('--observed-key <pem>', 'public key of the snapshot')
      .action(on('plan', async () => (await import('./commands/plan.ts')).planCommand, (options) => options)),
  diff: (program, on) =>
    program.command('diff [base]').description('what changed since another git revision, by the locks').option('--markdown', 'for a job summary')
      .action(on('diff', async () => (await import('./commands/plan.ts')).diffCommand, (base, options) => ({ base: base ?? 'HEAD', ...options }))),
  status: (program, on) =>
    program.command('status').description('what is installed, and how it is').option('--check', 'also check every installed file (exit 6 on drift)').option('--snapshot', 'print the signed state of the store, for plan --observed').option('--snapshot-key <pem>', 'private key that signs the snapshot')
      .action(on('status', async () => (await import('./commands/status.ts')).statusCommand, (options) => options)),
  generations: (program, on) =>
    program.command('generations').description('what was live, and when')
      .action(on('generations', async () => (await import('./commands/status.ts')).generationsCommand, () => ({}))),
  audit: (program, on) =>
    program.command('audit').description('who changed what, and whether the record of it is whole').option('--limit <n>', 'how many records, the newest (default 20)', wholeNumber).option('--verify', 'prove the chain from its first record (exit 5 when it is broken)').option('--head <digest>', 'a head that you kept: it must be in the chain', digest)
      .action(on('audit', async () => (await import('./commands/audit.ts')).auditCommand, (options) => options)),
  verify: (program, on) =>
    program.command('verify <file>').description('prove an artifact by hand').requiredOption('--bundle <file>', 'Sigstore bundle').option('--identity <san>', 'who must have signed', '').option('--issuer <url>', 'OIDC issuer of the identity', '').option('--source-repository <url>', 'whose source must have been built (default: the repository in the identity)').option('--trusted-root <file>', 'instead of the public good root').option('--key <pem>', 'public key instead of an identity')
      .action(on('verify', async () => (await import('./commands/verify.ts')).verifyCommand, (file, options) => ({ file, ...options }))),
  apply: (program, on) =>
    program.command('apply').description('make the store what git asks').option('--expect <digest>', 'exactly the reviewed plan, or nothing', digest).option('--check', 'also read every installed file, and repair what was altered').option('--answer <answer>', ANSWER, collected)
      .action(on('apply', async () => (await import('./commands/apply.ts')).applyCommand, (options) => options)),
  rollback: (program, on) =>
    program.command('rollback [id]').description('back to the generation before, or of one plugin to its version before').option('--to <n>', 'number of a generation, as `catalyst generations` lists them', wholeNumber).option('--dry-run', 'only tell what it would do to code and data').option('--lift', 'lift the hold that a rollback left')
      .action(on('rollback', async () => (await import('./commands/rollback.ts')).rollbackCommand, (id, options) => ({ id, ...options }))),
  backups: (program, on) =>
    program.command('backups [id]').description('backups of what plugins keep: tables and data folders').option('--make', 'back up now: one plugin, or all that are installed').option('--verify', 'read every byte of each (exit 1 when one is damaged)').option('--prune', 'remove old ones').option('--keep <n>', 'with --prune: keep so many of each plugin (default 5)', wholeNumber).option('--keep-days <n>', 'with --prune: and all that are younger (default 30)', wholeNumber)
      .action(on('backups', async () => (await import('./commands/backups.ts')).backupsCommand, (id, options) => ({ id, ...options }))),
  restore: (program, on) =>
    program.command('restore [name]').description('put tables and data back as a backup holds them').option('--all', 'of every installed plugin the newest backup of its version').option('--digest <digest>', 'for a backup that this database does not know: its digest, as you kept it', digest).option('-y, --yes', 'do not ask')
      .action(on('restore', async () => (await import('./commands/restore.ts')).restoreCommand, (name, options) => ({ name, ...options }))),
  purge: (program, on) =>
    program.command('purge <id>').description('destroy what a removed plugin left and its policy does not keep, now').option('-y, --yes', 'do not ask')
      .action(on('purge', async () => (await import('./commands/purge.ts')).purgeCommand, (id, options) => ({ id, ...options }))),
  gc: (program, on) =>
    program.command('gc').description('free what no kept generation uses').option('--dry-run', 'only tell').option('--keep <n>', 'how many generations to keep (default 10)', wholeNumber)
      .action(on('gc', async () => (await import('./commands/gc.ts')).gcCommand, (options) => options)),
  lease: (program, on) =>
    program.command('lease').description('who is applying now').option('--release', 'take the lease away from a process that is gone')
      .action(on('lease', async () => (await import('./commands/lease.ts')).leaseCommand, (options) => options)),
  mirror: (program, _on, onRegistry) =>
    program.command('mirror <url>').description('copy a signed registry with its artifacts, for stores that reach no other host').requiredOption('--to <folder>', 'where to').requiredOption('--root <file>', 'the pinned root of the registry').option('--key <file>', 'your key: seals the copy under a root of yours').option('--only <id>', 'artifacts of this plugin alone; may be repeated', collected).option('--valid-for <days>', 'how long your seal lasts (default 60)', Number)
      .action(onRegistry('mirror', async () => (await import('./commands/mirror.ts')).mirrorCommand, (url, options) => ({ url, ...options }))),
  registry: (program, _on, onRegistry) => registryGroup(program, onRegistry),
}
