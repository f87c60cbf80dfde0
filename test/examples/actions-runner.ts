import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { runProcess } from '../builders/process.ts'

/** As much of GitHub Actions' workflow syntax as one small workflow uses. */
interface Workflow {
  readonly on: Readonly<Record<string, { readonly branches: readonly string[] }>>
  readonly permissions: object
  readonly jobs: Readonly<Record<string, Job>>
}

interface Job {
  readonly if: string
  readonly 'runs-on': string | readonly string[]
  readonly environment?: string
  readonly permissions: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}

interface Step {
  readonly name?: string
  readonly id?: string
  readonly uses?: string
  readonly run?: string
  readonly if?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}

/** What happened in the repository. `ref` is what `actions/checkout` fetches. */
export interface Event {
  readonly name: 'push' | 'pull_request'
  readonly ref: string
  readonly sha: string
  readonly base: string
  /** The branch that a pull request comes from: its author chose the name. */
  readonly head?: string
}

/** One job, run. */
export interface JobRun {
  readonly job: string
  readonly exit: number
  /** The step that failed first, or undefined. */
  readonly failed: string | undefined
  readonly summary: string
  readonly log: string
}

export interface RunnerOptions {
  /** A folder for everything. */
  readonly dir: string
  /** The bare repository that is `origin`. */
  readonly origin: string
  /** An unpacked @catalyst/plugins: what `npm ci` would install. */
  readonly catalyst: string
  /** Secrets of the environment `store`. */
  readonly secrets: Readonly<Record<string, string>>
  /** What every step has besides what GitHub gives it. */
  readonly env: NodeJS.ProcessEnv
}

/**
 * Runs a workflow's jobs as GitHub would: the `run:` steps by real bash in a real checkout, `uses:` steps and `npm ci`
 * replaced by what they do, `gh` by a script that knows the artifacts of earlier runs. Whatever the workflow says that
 * this does not know is an error, so that nothing is skipped in silence.
 */
export class ActionsRunner {
  readonly #options: RunnerOptions
  #runs = 0
  #scripts = 0
  readonly #shown: string[] = []

  constructor(options: RunnerOptions) {
    this.#options = options
    mkdirSync(join(options.dir, 'bin'), { recursive: true })
    writeFileSync(join(options.dir, 'bin', 'gh'), GH)
    chmodSync(join(options.dir, 'bin', 'gh'), 0o755)
  }

  /** The artifact `name` of the last run that has one. */
  artifact(name: string): string | undefined {
    for (let run = this.#runs; run > 0; run--) if (existsSync(this.#artifact(run, name))) return this.#artifact(run, name)
    return undefined
  }

  /** All that anybody with read access to the repository can see of all runs: logs, summaries, artifacts. */
  everything(): string {
    return this.#shown.join('\n')
  }

  /** Every job of the workflow that the event starts. */
  async run(event: Event, workflow: Workflow): Promise<readonly JobRun[]> {
    this.#runs++
    if (!workflow.on[event.name]?.branches.includes(event.base)) return []
    if (event.name === 'push') mkdirSync(join(this.#options.dir, 'artifacts', String(this.#runs)), { recursive: true })
    const due = Object.entries(workflow.jobs).filter(([, job]) => this.#holds(job.if, event, { failed: false, outcomes: {} }))
    const runs: JobRun[] = []
    for (const [name, job] of due) runs.push(await this.#job(name, job, event))
    return runs
  }

  async #job(name: string, job: Job, event: Event): Promise<JobRun> {
    const { dir } = this.#options
    const selfHosted = Array.isArray(job['runs-on'])
    const workspace = join(dir, selfHosted ? 'store' : `hosted-${this.#runs}`)
    const temp = join(dir, `temp-${this.#runs}`)
    const summary = join(dir, `summary-${this.#runs}.md`)
    mkdirSync(workspace, { recursive: true })
    mkdirSync(temp)
    writeFileSync(summary, '')
    const state = { failed: false, outcomes: {} as Record<string, string> }
    let [log, exit, failed] = ['', 0, undefined as string | undefined]
    for (const step of job.steps) {
      const due = step.if === undefined ? !state.failed : this.#holds(step.if.replace(/^\$\{\{(.*)\}\}$/, '$1').trim(), event, state)
      if (!due) continue
      const ended = await this.#step(step, { job, event, workspace, temp, summary })
      log += `## ${step.name ?? step.run ?? step.uses}\n${ended.log}`
      if (step.id) state.outcomes[step.id] = ended.exit === 0 ? 'success' : 'failure'
      if (ended.exit === 0) continue
      if (!state.failed) [exit, failed] = [ended.exit, step.name ?? step.run ?? step.uses]
      state.failed = true
    }
    const told = { job: name, exit, failed, summary: readFileSync(summary, 'utf8'), log }
    this.#shown.push(told.log, told.summary)
    return told
  }

  async #step(step: Step, at: { job: Job; event: Event; workspace: string; temp: string; summary: string }): Promise<{ exit: number; log: string }> {
    const { event, workspace, temp, summary } = at
    if (step.uses) return this.#action(step, at)
    if (step.run === 'npm ci --ignore-scripts') return this.#install(workspace)
    const { dir, env } = this.#options
    const secrets = Object.entries(step.env ?? {}).map(([key, value]) => [key, this.#value(value, at.job)] as const)
    const own: NodeJS.ProcessEnv = {
      ...env, PATH: `${join(dir, 'bin')}:${process.env.PATH}`, HOME: join(dir, 'home'), CI: 'true', ARTIFACTS: join(dir, 'artifacts'), LAST_RUN: String(this.#runs - 1),
      GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: workspace, GITHUB_STEP_SUMMARY: summary, RUNNER_TEMP: temp, GITHUB_REPOSITORY: 'acme/store', GITHUB_EVENT_NAME: event.name, GITHUB_SHA: event.sha,
      GITHUB_ACTOR: 'ada', GITHUB_REF: event.ref, ...(event.name === 'pull_request' ? { GITHUB_BASE_REF: event.base, GITHUB_HEAD_REF: event.head } : {}),
      GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', ...Object.fromEntries(secrets),
    }
    // GitHub's default shell on Linux.
    const script = join(temp, `step-${++this.#scripts}.sh`)
    writeFileSync(script, step.run ?? '')
    const { exit, out, err } = await runProcess(['bash', '-e', script], { cwd: workspace, env: own })
    return { exit, log: out + err }
  }

  async #action(step: Step, { event, workspace, temp }: { event: Event; workspace: string; temp: string }): Promise<{ exit: number; log: string }> {
    const action = step.uses?.replace(/@[0-9a-f]{40}$/, '')
    switch (action) {
      case 'actions/checkout':
        return this.#checkout(event, workspace, step.with ?? {})
      case 'actions/setup-node':
        return { exit: 0, log: '' }
      case 'actions/upload-artifact': {
        const path = String(step.with?.path).replace('${{ runner.temp }}', temp)
        const target = this.#artifact(this.#runs, String(step.with?.name))
        mkdirSync(dirname(target), { recursive: true })
        copyFileSync(path, target)
        this.#shown.push(readFileSync(target, 'utf8'))
        return { exit: 0, log: '' }
      }
      default:
        throw new Error(`this runner does not know ${step.uses}`)
    }
  }

  /** What actions/checkout does, by the real client. */
  async #checkout(event: Event, workspace: string, input: Readonly<Record<string, unknown>>): Promise<{ exit: number; log: string }> {
    const git = async (...args: string[]): Promise<void> => {
      const { exit, err } = await runProcess(['git', '-c', 'advice.detachedHead=false', ...args], { cwd: workspace, env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' } })
      if (exit !== 0) throw new Error(`git ${args.join(' ')}: ${err}`)
    }
    if (!existsSync(join(workspace, '.git'))) {
      await git('init', '-q')
      await git('remote', 'add', 'origin', `file://${this.#options.origin}`)
    } else if (input.clean !== false) await git('clean', '-qffdx')
    const remote = event.ref.replace('refs/heads/', 'refs/remotes/origin/').replace('refs/pull/', 'refs/remotes/pull/')
    const all = input['fetch-depth'] === 0
    const wanted = [...(all ? ['+refs/heads/*:refs/remotes/origin/*'] : []), `+${event.sha}:${remote}`]
    await git('fetch', '-q', '--no-tags', ...(all ? [] : ['--depth=1']), 'origin', ...wanted)
    await git('checkout', '-q', '--force', remote)
    return { exit: 0, log: '' }
  }

  /** What `npm ci` does: the package and its command under node_modules. */
  async #install(workspace: string): Promise<{ exit: number; log: string }> {
    const modules = join(workspace, 'node_modules')
    rmSync(modules, { recursive: true, force: true })
    mkdirSync(join(modules, '@catalyst'), { recursive: true })
    mkdirSync(join(modules, '.bin'))
    symlinkSync(this.#options.catalyst, join(modules, '@catalyst', 'plugins'))
    symlinkSync('../@catalyst/plugins/bin/catalyst.cjs', join(modules, '.bin', 'catalyst'))
    return { exit: 0, log: '' }
  }

  #artifact(run: number, name: string): string {
    return join(this.#options.dir, 'artifacts', String(run), name, 'store-state.json')
  }

  /** The value of one expression; a secret only for a job that names the environment it belongs to. */
  #value(text: string, job: Job): string {
    const secret = /^\$\{\{ secrets\.(\w+) \}\}$/.exec(text)?.[1]
    if (secret !== undefined) return job.environment === 'store' ? (this.#options.secrets[secret] ?? '') : ''
    if (text === '${{ github.token }}') return 'ghs_ofThisRunOnly'
    if (text.includes('${{')) throw new Error(`this runner does not know ${text}`)
    return text
  }

  #holds(condition: string, event: Event, state: { readonly failed: boolean; readonly outcomes: Readonly<Record<string, string>> }): boolean {
    const known: Readonly<Record<string, boolean>> = {
      "github.event_name == 'pull_request'": event.name === 'pull_request',
      "github.event_name == 'push'": event.name === 'push',
      'success() || failure()': true,
      "!cancelled() && steps.sign.outcome == 'success'": state.outcomes.sign === 'success',
    }
    const answer = known[condition]
    if (answer === undefined) throw new Error(`this runner does not know "${condition}"`)
    return answer
  }
}

/** @throws Error for YAML that is none */
export function readWorkflow(path: string): Workflow {
  return parse(readFileSync(path, 'utf8')) as Workflow
}

/** `gh run list` (the last push) and `gh run download`, for the artifacts of this runner. */
const GH = `#!/usr/bin/env bash
set -eu
[ -n "$GH_TOKEN" ] || { echo "gh: no token" >&2; exit 4; }
case "$1 $2" in
  "run list")
    for want in "--event push" "--branch main" "--workflow plugins.yml" "--status completed" "--repo acme/store"; do
      case " $* " in *" $want "*) ;; *) echo "gh: $want is missing" >&2; exit 1 ;; esac
    done
    for (( run = LAST_RUN; run > 0; run-- )); do [ -d "$ARTIFACTS/$run" ] && { echo "$run"; exit 0; }; done ;;
  "run download")
    [ -n "$3" ] && [ -d "$ARTIFACTS/$3/store-state" ] || { echo "gh: no such artifact" >&2; exit 1; }
    cp "$ARTIFACTS/$3/store-state/"* . ;;
  *) echo "gh: unknown $*" >&2; exit 1 ;;
esac
`
