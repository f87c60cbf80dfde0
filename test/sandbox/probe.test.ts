import { createServer } from 'node:net'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CatalystError } from '../../schemas/errors.ts'
import type { ProbedPlugin } from '../../reconciler/ports.ts'
import { createProbe } from '../../sandbox/probe.ts'
import { eventually } from '../builders/eventually.ts'
import { healthy, pluginFolder, type PluginFolder } from './plugin-folder.ts'

let folder: PluginFolder
beforeAll(() => {
  folder = pluginFolder()
})
afterAll(() => folder.remove())

const probe = createProbe({ limits: { silenceMs: 30_000, healthMs: 300 } })
/** What the probe says: undefined when all is well. */
const problemOf = async (plugin: ProbedPlugin, by = probe): Promise<{ message: string; hint: string } | undefined> => {
  try {
    await by.run(plugin, {})
    return undefined
  } catch (error) {
    expect(error).toBeInstanceOf(CatalystError)
    expect((error as CatalystError).code).toBe('PROBE_FAILED')
    const { message, hint } = error as CatalystError
    return { message, hint }
  }
}
let count = 0
const add = (code: string, odd?: Parameters<PluginFolder['add']>[2]): ProbedPlugin => folder.add(`p${++count}`, code, odd)

describe('plugins that are well', () => {
  test.each<[string, () => ProbedPlugin]>([
    ['ESM', () => add(healthy())],
    ['ESM in .js with "type": "module"', () => add(healthy(), { main: 'dist/index.js', files: { 'package.json': '{"type":"module"}' } })],
    ['CommonJS', () => add(`exports.createPlugin = () => ({ health: async () => ({ ok: true }) })`, { main: 'index.cjs' })],
    ['CommonJS that names nothing statically', () => add(`module.exports = Object.fromEntries([['createPlugin', () => ({ health: async () => ({ ok: true }) })]])`, { main: 'index.js' })],
    ['asynchronous createPlugin', () => add(`export const createPlugin = async () => ({ health: () => ({ ok: true, message: 'fine' }) })`)],
    ['a class instance', () => add(`class P { async health() { return { ok: this.x } } x = true }\nexport const createPlugin = () => new P()`)],
    ['with files of its own', () => add(`import { x } from './lib/x.mjs'; import { createHash } from 'node:crypto'\n${healthy()}`, { files: { 'lib/x.mjs': 'export const x = 1' } })],
    ['that keeps the promise of its type', () => add(healthy({ members: 'track() {}' }), { type: 'analytics' })],
    ['that prints a little', () => add(healthy({ before: 'console.log("hello"); console.error("there")' }))],
    ['that leaves a timer running', () => add(healthy({ before: 'setInterval(() => {}, 1000)' }))],
    ['that uses what the host says at once', () => add(healthy({ create: 'host.log.info("x"); host.db.table("t"); if (host.config.key || !host.now()) throw 1' }))],
  ])('%s', async (_what, plugin) => {
    expect(await problemOf(plugin())).toBeUndefined()
  })
})

describe('plugins that do not keep their promise', () => {
  test.each<[string, string, RegExp, Parameters<PluginFolder['add']>[2]?]>([
    ['no createPlugin', 'export const other = 1', /does not export createPlugin/],
    ['createPlugin is no function', 'export const createPlugin = {}', /does not export createPlugin/],
    ['it returns nothing', 'export function createPlugin() {}', /returned undefined/],
    ['no health', 'export const createPlugin = () => ({})', /no health\(\)/],
    ['not what its type needs', healthy({ members: 'authorize() {}, capture() {}' }), /payment-gateway plugin needs authorize, capture, refund/, { type: 'payment-gateway' }],
    ['health says no', `export const createPlugin = () => ({ health: async () => ({ ok: false, message: 'no licence' }) })`, /not well: no licence/],
    ['health says almost yes', `export const createPlugin = () => ({ health: async () => ({ ok: 'true' }) })`, /not well/],
    ['health says nothing', `export const createPlugin = () => ({ health: async () => undefined })`, /did not answer/],
    ['health throws', `export const createPlugin = () => ({ health: async () => { throw new Error('boom') } })`, /Error: boom/],
    ['health never answers', `export const createPlugin = () => ({ health: () => new Promise(() => {}) })`, /health\(\) did not answer within 300 ms/],
    ['createPlugin never answers', `export const createPlugin = () => new Promise(() => {})`, /createPlugin\(\) did not answer/],
    ['it throws at import', 'throw new Error("at import")', /Error: at import/],
    ['it does not parse', 'export function (', /SyntaxError/],
    ['it throws what cannot be shown', 'throw { toString() { throw 1 } }', /cannot be shown/],
    ['the file is not there', '', /ERR_MODULE_NOT_FOUND|Cannot find module/, { main: 'index.mjs', files: {} }],
    ['a module that is not bundled', `import 'left-pad'\n${healthy()}`, /left-pad/],
    ['it needs its config at once', `export function createPlugin({ config }) { if (!config.apiKey) throw new Error('apiKey is missing'); }`, /apiKey is missing/],
  ])('%s', async (what, code, message, odd) => {
    const plugin = what === 'the file is not there' ? { ...add('x'), main: 'gone.mjs' } : add(code, odd)
    expect((await problemOf(plugin))?.message).toMatch(message)
  })
})

describe('plugins that attack', () => {
  test('loops for ever at import: stopped', async () => {
    const short = createProbe({ limits: { silenceMs: 1_500, healthMs: 300 } })
    expect((await problemOf(add('while (true);'), short))?.message).toMatch(/gave no answer for 1500 ms/)
  })

  test('loops for ever in health: stopped', async () => {
    const short = createProbe({ limits: { silenceMs: 1_500, healthMs: 300 } })
    expect((await problemOf(add('export const createPlugin = () => ({ health() { while (true); } })'), short))?.message).toMatch(/gave no answer/)
  })

  test.each([0, 1, 13])('exits at once with %i: that is no answer', async (code) => {
    expect((await problemOf(add(`process.exit(${code})`)))?.message).toMatch(new RegExp(`ended with exit code ${code} before it answered`))
  })

  test('kills itself', async () => {
    expect((await problemOf(add('process.abort()')))?.message).toMatch(/ended by SIGABRT|exit code 134/)
    expect(readdirSync(process.cwd()).filter((name) => name.startsWith('core'))).toEqual([])
  })

  test('prints a gigabyte: stopped soon, a little of it is shown', async () => {
    const started = process.memoryUsage().rss
    const problem = await problemOf(add(`const block = 'spam '.repeat(20_000); while (true) require('fs').writeSync(1, block)`, { main: 'index.cjs' }))
    expect(problem?.message).toMatch(/printed more than 1000000 bytes/)
    expect(problem?.hint).toContain('spam')
    expect(problem?.hint.length).toBeLessThan(5_000)
    expect(process.memoryUsage().rss - started).toBeLessThan(100_000_000)
  })

  test('writes a gigabyte to the channel of answers: stopped', async () => {
    const problem = await problemOf(add(`const block = 'x'.repeat(60_000); while (true) try { require('fs').writeSync(3, block) } catch {}`, { main: 'index.cjs' }))
    expect(problem?.message).toMatch(/wrote too much/)
  })

  test('eats memory, in the heap or beside it: it ends, not the machine', async () => {
    expect((await problemOf(add('const all = []; for (;;) all.push(new Array(100_000).fill(all.length))')))?.message).toMatch(/before it answered|RangeError/)
    expect((await problemOf(add('const all = []; for (;;) all.push(Buffer.alloc(64 << 20, 1))')))?.message).toMatch(/before it answered|allocat/i)
  })

  test('terminal escape codes in an error and in the output are made visible', async () => {
    const problem = await problemOf(add(`console.log('\\u001b[2Jwiped'); throw new Error('\\u001b]0;title\\u0007')`))
    expect(problem?.message).not.toMatch(/[\u0000-\u001f]/)
    expect(problem?.hint).toMatch(/u\{1b\}\[2Jwiped/)
    // eslint-disable-next-line no-control-regex
    expect(problem?.hint.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f]/)
  })

  test('an answer of its own making is none: only what was loaded counts', async () => {
    const forged = `'0'.repeat(32) + ' {"members":{"health":"function"},"ok":true}\\n'`
    const code = `import fs from 'node:fs'; for (const fd of [1, 2, 3]) fs.writeSync(fd, ${forged}); process.exit(0)`
    expect((await problemOf(add(code)))?.message).toMatch(/before it answered/)
  })

  test('replaced globals do not make a broken plugin well', async () => {
    const before = `
      Object.prototype.ok = true; Object.prototype.toJSON = () => ({ ok: true }); JSON.stringify = () => '"ok":true';
      Promise.race = async () => ({ ok: true }); Object.hasOwn = () => true; globalThis.setTimeout = (f) => f();
      process.exit = () => {}; process.reallyExit = () => {}`
    const code = `${before}\nexport const createPlugin = () => ({ health: async () => ({}) })`
    expect(await problemOf(add(code))).toBeDefined()
  })
})

describe('what the child cannot do', () => {
  /** Runs `code` (an async body) in a probe; gives what it returned or the code of what it threw. */
  const attempt = async (code: string): Promise<string> => {
    const plugin = add(`
      const attempt = async () => { ${code} }
      exports.createPlugin = async () => { let said; try { said = 'DID IT: ' + await attempt() } catch (e) { said = (e.code ?? e.cause?.code ?? e.message) } return { health: async () => ({ ok: false, message: String(said) }) } }`, { main: 'index.cjs' })
    return (await problemOf(plugin))?.message ?? 'no answer'
  }

  test.each<[string, string]>([
    ['read a file of the machine', `return require('fs').readFileSync('/etc/passwd', 'utf8')`],
    ['list the folder above', `return require('fs').readdirSync('..')`],
    ['read its own environment', `return require('fs').readFileSync('/proc/self/environ', 'utf8')`],
    ['write beside itself', `return require('fs').writeFileSync('written', 'x')`],
    ['write to a temporary folder', `return require('fs').mkdtempSync('/tmp/x')`],
    ['make a link', `return require('fs').symlinkSync('/etc/passwd', 'link')`],
    ['start a process', `return require('child_process').execSync('id')`],
    ['start a thread', `return new (require('worker_threads').Worker)('1', { eval: true })`],
    ['become another program', `return process.execve('/bin/sh', ['sh'], {})`],
    ['load native code', `return process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6')`],
    ['reach inner bindings', `return process.binding('fs')`],
    ['open a database', `return new (require('node:sqlite').DatabaseSync)(':memory:')`],
    ['open the debugger', `return require('inspector').open(0)`],
    ['open a socket for others', `return await new Promise((y, n) => { const s = require('net').createServer().on('error', n); s.listen(0, y) })`],
    ['send a datagram', `return await new Promise((y, n) => { const s = require('dgram').createSocket('udp4').on('error', n); s.send('x', 53, '127.0.0.1', (e) => (e ? n(e) : y())) })`],
    ['ask a name server', `return await require('dns').promises.lookup('example.com')`],
    ['signal its parent', `return process.kill(process.ppid, 0)`],
    ['open the debugger of its parent', `return process._debugProcess(process.ppid)`],
    ['take it back from ES modules', `const p = await import('node:process'); return p.kill(p.ppid, 0)`],
    ['change the priority of its parent', `return require('os').setPriority(process.ppid, 19)`],
  ])('%s', async (_what, code) => {
    const said = await attempt(code)
    expect(said).not.toContain('DID IT')
    expect(said).toMatch(/ERR_ACCESS_DENIED|ERR_DLOPEN_DISABLED|ERR_UNKNOWN_BUILTIN_MODULE|not here/)
  })

  test('connect anywhere: a listening server is never reached', async () => {
    let reached = 0
    const server = createServer(() => (reached += 1)).listen(0, '127.0.0.1')
    const port = await new Promise<number>((resolve) => server.once('listening', () => resolve((server.address() as { port: number }).port)))
    for (const how of [
      `await new Promise((y, n) => require('net').connect(${port}, '127.0.0.1', y).on('error', n))`,
      `await fetch('http://127.0.0.1:${port}/').then((r) => r.text())`,
      `await new Promise((y, n) => { const w = new WebSocket('ws://127.0.0.1:${port}'); w.onopen = y; w.onerror = () => n(new Error('not here')) })`,
    ]) {
      expect(await attempt(how)).not.toContain('DID IT')
    }
    await new Promise((resolve) => server.close(resolve))
    expect(reached).toBe(0)
  })

  test('see secrets of the host process', async () => {
    process.env['CATALYST_TEST_SECRET'] = 'hunter2'
    expect(await attempt(`return [process.env.CATALYST_TEST_SECRET, ...process.argv, ...Object.keys(process.env).filter((name) => name !== 'PWD' && name !== '_')]`)).not.toMatch(/hunter2|PATH|HOME/)
    delete process.env['CATALYST_TEST_SECRET']
  })

  test('use a capability: each refuses with its code', async () => {
    const calls = [`http.fetch('https://api.stripe.com')`, `db.query('SELECT 1')`, `db.run('x')`, `db.transaction([])`, `files.read('a')`, `files.write('a', '')`, `files.list('.')`, `plugins.call('a', 'b', {})`]
    const code = `export const createPlugin = ({ http, db, files, plugins }) => ({ async health() {
      const codes = []
      for (const call of [${calls.map((c) => `() => ${c}`)}]) try { await call(); codes.push('did it') } catch (e) { codes.push(e.code) }
      return { ok: codes.every((c) => c === 'CAPABILITY_DENIED'), message: codes.join() } } })`
    expect(await problemOf(add(code))).toBeUndefined()
  })

  test('leave anything behind', async () => {
    await attempt(`require('fs').writeFileSync('left', 'x')`)
    expect(existsSync(join(process.cwd(), 'left'))).toBe(false)
  })
})

describe('many at once', () => {
  const acme = { publisher: 'acme' }

  test('plugins of one publisher are well together', async () => {
    const plugins = Array.from({ length: 60 }, () => add(healthy(), acme))
    expect(await Promise.all(plugins.map((p) => problemOf(p)))).toEqual(plugins.map(() => undefined))
  })

  test('a bad one among them fails alone: its neighbours are well, before it and after it', async () => {
    const bad = ['process.exit(0)', 'throw new Error("bad")', 'export const createPlugin = () => ({})', 'setImmediate(() => { throw new Error("late") }); await new Promise(() => {})'].map((code) => add(code, acme))
    const plugins = bad.flatMap((b) => [add(healthy(), acme), b, add(healthy(), acme)])
    const problems = await Promise.all(plugins.map((p) => problemOf(p)))
    expect(problems.map((p) => p === undefined)).toEqual(bad.flatMap(() => [true, false, true]))
  })

  test('one that spoils its neighbours does not keep them from going live: they are asked again alone', async () => {
    const spoiler = add(healthy({ before: 'Array.prototype.map = () => { throw new Error("spoilt") }' }), acme)
    const neighbour = add(healthy({ before: 'export const list = [1].map((x) => x)' }), acme)
    expect(await Promise.all([problemOf(spoiler), problemOf(neighbour)])).toEqual([undefined, undefined])
  })

  test('a foreign publisher cannot make a broken plugin look well', async () => {
    const hooks = `import { registerHooks } from 'node:module'
      registerHooks({ load: (url, c, next) => url.includes('/p') ? { format: 'module', source: 'export const createPlugin = () => ({ health: async () => ({ ok: true }) })', shortCircuit: true } : next(url, c) })`
    const one = createProbe({ parallel: 1 })
    const evil = add(healthy({ before: hooks }), { publisher: 'evil' })
    const broken = add('throw new Error("broken")', { publisher: 'honest' })
    const unknown = add('throw new Error("broken too")')
    const problems = await Promise.all([evil, broken, unknown].map((plugin) => problemOf(plugin, one)))
    expect(problems[0]).toBeUndefined()
    expect(problems.slice(1).map((p) => /broken( too)?/.exec(p?.message ?? '')?.[0])).toEqual(['broken', 'broken too'])
  })

  test('an abort ends the children and every promise', async () => {
    const abort = new AbortController()
    const plugins = [add('while (true);'), add('while (true);'), add('while (true);')]
    const all = Promise.allSettled(plugins.map((p) => probe.run(p, { signal: abort.signal })))
    setImmediate(() => setImmediate(() => abort.abort(new CatalystError('BUSY', 'stopped'))))
    expect((await all).map((r) => r.status)).toEqual(['rejected', 'rejected', 'rejected'])
  })
})

/** Of a process that may have gone meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

describe('plugins that are told of before they come', () => {
  const acme = { publisher: 'acme' }
  /** Plugins whose folders are put in place by `arrive`. */
  const coming = (count: number, code: (i: number) => string): readonly { readonly plugin: ProbedPlugin; arrive(): void }[] =>
    Array.from({ length: count }, (_, i) => {
      const plugin = add(code(i), acme)
      const aside = `${plugin.dir}.aside`
      renameSync(plugin.dir, aside)
      return { plugin, arrive: () => renameSync(aside, plugin.dir) }
    })
  /** What a probe says when each comes in a turn of its own. */
  const comeOneByOne = async (all: ReturnType<typeof coming>, by = createProbe({ limits: { silenceMs: 30_000, healthMs: 300 } })): Promise<readonly boolean[]> => {
    const expectation = by.expect?.(all.map(({ plugin }) => plugin))
    const answers: Promise<{ message: string } | undefined>[] = []
    for (const { plugin, arrive } of all) {
      arrive()
      answers.push(problemOf(plugin, by))
      await turn()
    }
    expectation?.end()
    return (await Promise.all(answers)).map((problem) => problem === undefined)
  }

  test('share a child that was started before the first of them was there', async () => {
    // Each says how many were loaded before it in the same process.
    const counting = `globalThis.loaded = (globalThis.loaded ?? 0) + 1
      export const createPlugin = () => ({ health: async () => ({ ok: globalThis.loaded === EXPECTED, message: String(globalThis.loaded) }) })`
    const all = coming(30, (i) => counting.replace('EXPECTED', String(i + 1)))
    expect(await comeOneByOne(all)).toEqual(all.map(() => true))
  })

  test('a bad one among them fails alone, wherever it stands', async () => {
    const bad = new Map([[0, 'process.exit(0)'], [7, 'throw new Error("bad")'], [20, 'while (true);'], [29, 'export const createPlugin = () => ({})']])
    const all = coming(30, (i) => bad.get(i) ?? healthy())
    expect(await comeOneByOne(all, createProbe({ limits: { silenceMs: 1_500, healthMs: 300 } }))).toEqual(all.map((_, i) => !bad.has(i)))
  })

  test('one that takes the turns of the others, or all that they are sent, does not keep them from going live', async () => {
    const thief = `import fs from 'node:fs'; for (const fd of [0, 4]) try { while (fs.readSync(fd, Buffer.alloc(9)) > 0); } catch {}\n${healthy()}`
    const all = coming(24, (i) => (i === 3 ? thief : healthy()))
    expect((await comeOneByOne(all, createProbe({ limits: { silenceMs: 1_500, healthMs: 300 } }))).filter((_, i) => i !== 3)).toEqual(all.slice(1).map(() => true))
  })

  test('whose folder does not even have a place: each is told, nothing breaks', async () => {
    const lost = Array.from({ length: 25 }, (_, i) => ({ ...add(healthy(), acme), dir: join(folder.root, 'gone', `p${i}`) }))
    const by = createProbe()
    const expectation = by.expect?.(lost)
    const problems = Promise.all(lost.map((plugin) => problemOf(plugin, by)))
    expectation?.end()
    for (const problem of await problems) expect(problem?.message).toMatch(/could not be started|ENOENT/)
  })

  test('more of them than one child takes, and of several publishers', async () => {
    const all = coming(130, () => healthy())
    const others = Array.from({ length: 3 }, (_, i) => ({ plugin: add(healthy(), { publisher: `other ${i}` }), arrive: () => undefined }))
    expect(await comeOneByOne([...others, ...all])).toEqual([...others, ...all].map(() => true))
  })

  test.runIf(process.platform === 'linux')('those that never come keep nobody waiting, and leave no process behind', async () => {
    const all = coming(40, () => healthy())
    const by = createProbe()
    const expectation = by.expect?.(all.map(({ plugin }) => plugin))
    const children = (): readonly string[] => {
      const ours = readdirSync('/proc/self/task').flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' '))
      return ours.filter((pid) => pid !== '' && commandLine(pid).includes(all[0]?.plugin.dir ?? '?'))
    }
    expect(children()).toHaveLength(1)
    all[5]?.arrive()
    const answer = all[5] && problemOf(all[5].plugin, by)
    expectation?.end()
    expect(await answer).toBeUndefined()
    // It is stopped by a signal, which takes its moment.
    await eventually(() => expect(children()).toEqual([]))
  })

  test('cannot read what their neighbours are unpacked from, nor the folder around them', async () => {
    const [first] = coming(1, () => '')
    const spy = `import fs from 'node:fs'; let said = 'nothing'; for (const path of ['..', '${first?.plugin.dir}.aside/index.mjs']) try { fs.readdirSync(path); said = path } catch {} ; try { said = fs.readFileSync('${first?.plugin.dir}.aside/index.mjs', 'utf8') + ' was read' } catch {}
      export const createPlugin = () => ({ health: async () => ({ ok: said === 'nothing', message: said }) })`
    const all = coming(25, () => spy)
    expect(await comeOneByOne(all)).toEqual(all.map(() => true))
  })
})

test('a folder with blanks and odd characters', async () => {
  const odd = folder.add('odd name, with "quotes" & ünïcode', healthy())
  writeFileSync(join(odd.dir, 'more'), '')
  expect(await problemOf(odd)).toBeUndefined()
})
