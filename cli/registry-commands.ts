import type { Command as Program } from 'commander'
import { onlyCommandsOf } from './command-group.ts'
import type { OnRegistry } from './program.ts'

const DATABASE = 'of the catalog: sqlite:PATH or postgres://… (else CATALYST_CATALOG, else a file of this user)'
const KEY = 'a file with private keys; may be repeated'

/** Every command of a registry's maintainers, in the order in which `catalyst registry --help` shows them. */
export const REGISTRY_COMMANDS: Readonly<Record<string, (group: Program, on: OnRegistry) => unknown>> = {
  lint: (group, on) =>
    group.command('lint [folder]').description('what a reviewer should hear about the entries').option('--base <revision>', 'only entries that are new or changed since: the branch that a pull request goes to').option('--offline', 'do not ask GitHub')
      .action(on('registry lint', async () => (await import('./commands/registry-lint.ts')).lintCommand, (folder, options) => ({ folder, ...options }))),
  ingest: (group, on) =>
    withPassOptions(group.command('ingest <registry> [ids...]').description('list new releases of what webhooks, people or new entries want looked at, and of these plugins'))
      .action(on('registry ingest', async () => (await import('./commands/registry-ingest.ts')).ingestCommand, (registry, ids, options) => ({ registry, ids, ...options }))),
  sweep: (group, on) =>
    withPassOptions(group.command('sweep [registry]').description('look at every repository, and for new ones by their topic; goes on where it stopped')).option('--no-topic', 'do not look for new repositories')
      .action(on('registry sweep', async () => (await import('./commands/registry-sweep.ts')).sweepCommand, (registry, options) => ({ registry, ...options }))),
  stats: (group, on) =>
    group.command('stats').description('how much there is, and what waits for a maintainer').option('--database <url>', DATABASE)
      .action(on('registry stats', async () => (await import('./commands/registry-stats.ts')).statsCommand, (options) => options)),
  publish: (group, on) =>
    group.command('publish').description('sign the index and write it into the folder that is served').requiredOption('--to <folder>', 'the folder that is served').requiredOption('--key <file>', `${KEY}: the online ones`, collected)
      .action(on('registry publish', async () => (await import('./commands/registry-publish.ts')).publishCommand, (options) => options)),
  serve: (group, on) =>
    group.command('serve').description('serve the published index, and with a database the API and webhooks').requiredOption('--root <folder>', 'the published folder').option('--listen <host:port>', 'where to listen', '127.0.0.1:8080').option('--metrics <host:port>', 'where Prometheus reads /metrics; an address that only operators reach').option('--database <url>', 'of the catalog: sqlite:PATH or postgres://… (else CATALYST_CATALOG)').option('--tokens <file>', 'tokens of maintainers, made by `registry token`').option('--audience <url>', 'take OIDC tokens of GitHub Actions that are made for this address').option('--oidc-issuer <url>', 'another issuer of them: a GitHub Enterprise').option('--webhook-secret <file>', 'secrets of GitHub’s webhooks, one a line, the newest first').option('--proxies <n>', 'how many proxies of yours stand in front', Number, 0).option('--rate <n>', 'requests that one client may make in a minute', Number, 6000).option('--drain <seconds>', 'how long to be not ready before it takes no more connections', Number, 5)
      .action(on('registry serve', async () => (await import('./commands/registry-serve.ts')).serveCommand, (options) => options)),
  token: (group, on) =>
    group.command('token <name>').description('make a token for a maintainer; only its digest is written').requiredOption('--scope <scope>', 'what it may do: ingest, yank, advise, decide, audit; may be repeated', collected).option('--days <n>', 'until it expires', Number, 90).option('--file <file>', 'where digests are kept', 'tokens.yaml')
      .action(on('registry token', async () => (await import('./commands/registry-token.ts')).tokenCommand, (name, options) => ({ name, ...options }))),
  keys: (group, on) => keysGroup(group.command('keys').description('who may sign what: the key ceremony').usage('[options] <command>'), on),
}

/** Every command of `catalyst registry keys`. */
export const KEY_COMMANDS: Readonly<Record<string, (group: Program, on: OnRegistry) => unknown>> = {
  new: (group, on) =>
    group.command('new <name>').description('make a key of your own; its public half is printed').requiredOption('--out <file>', 'where the private half goes, encrypted')
      .action(on('registry keys new', async () => (await import('./commands/registry-keys.ts')).newCommand, (name, options) => ({ name, ...options }))),
  init: (group, on) =>
    group.command('init').description('give a registry its keys: the first root, unsigned').requiredOption('--maintainer <key>', 'public key of a maintainer (name:hex); may be repeated', collected).option('--threshold <n>', 'how many maintainers must sign an entry (default 1 of one, else 2)', Number).option('--root <key>', 'public key that may change the root (default: the maintainers’); may be repeated', collected).option('--root-threshold <n>', 'how many of those must sign a root', Number).requiredOption('--online <file>', 'where the bot’s new keys go, encrypted').option('--bins <n>', 'parts in which entries are signed, a power of two (default 16; one for every 400 entries)', Number)
      .action(on('registry keys init', async () => (await import('./commands/registry-keys.ts')).initCommand, (options) => options)),
  show: (group, on) =>
    group.command('show').description('who may sign what, what waits for signatures, what expires when')
      .action(on('registry keys show', async () => (await import('./commands/registry-keys.ts')).showCommand, () => ({}))),
  sign: (group, on) =>
    group.command('sign').description('sign what waits for you: entries as they lie here, and changes of keys').requiredOption('--key <file>', KEY, collected).option('-y, --yes', 'do not ask')
      .action(on('registry keys sign', async () => (await import('./commands/registry-keys.ts')).signCommand, (options) => options)),
  rotate: (group, on) =>
    group.command('rotate <role>').description('change the keys of root, maintainers, index, snapshot or timestamp; then sign').option('--add <key>', 'public key to add; may be repeated', collected).option('--remove <key>', 'name or id of a key to take out; may be repeated', collected).option('--threshold <n>', 'how many must sign', Number)
      .action(on('registry keys rotate', async () => (await import('./commands/registry-keys.ts')).rotateCommand, (role, options) => ({ role, ...options }))),
}

/** What `ingest` and `sweep` have in common. */
function withPassOptions(command: Program): Program {
  return command.option('--database <url>', DATABASE).option('--sigstore <profile>', 'trust profile of the registry: public-good, github, or the file of a trusted root', 'public-good').option('--reserve <n>', 'requests of GitHub’s hourly budget to leave for others', Number, 100)
}

function keysGroup(group: Program, on: OnRegistry): Program {
  for (const define of Object.values(KEY_COMMANDS)) define(group, on)
  onlyCommandsOf(group, 'catalyst registry keys', Object.keys(KEY_COMMANDS))
  return group
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
