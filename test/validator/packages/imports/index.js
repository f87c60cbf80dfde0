import fs from 'node:fs' // ERROR: import-forbidden
import 'fs/promises' // ERROR: import-forbidden
import { request } from "https" // ERROR: import-forbidden
import * as net from 'node:net' // ERROR: import-forbidden
import { exec } from 'child_process' // ERROR: import-forbidden
import { Worker } from 'node:worker_threads' // ERROR: import-forbidden
import vm from 'node:vm' // ERROR: import-forbidden
import inspector from 'node:inspector/promises' // ERROR: import-forbidden
import { DatabaseSync } from 'node:sqlite' // ERROR: import-forbidden
import { createRequire } from 'node:module' // ERROR: import-forbidden
import process from 'node:process' // ERROR: import-forbidden
import nothing from 'node:no-such-module' // ERROR: import-forbidden
import { setFlagsFromString } from 'node:v8' // ERROR: import-forbidden
import lodash from 'lodash' // ERROR: import-unbundled
import scoped from '@acme/thing/part.js' // ERROR: import-unbundled
import '#internal' // ERROR: import-unbundled
import './missing.js' // ERROR: import-missing
import './lib' // ERROR: import-missing
import '../../../etc/passwd' // ERROR: import-forbidden
import '/etc/passwd.js' // ERROR: import-forbidden
import 'file:///etc/passwd.js' // ERROR: import-forbidden
import 'https://evil.example/x.js' // ERROR: import-forbidden
import 'data:text/javascript,alert(1)' // ERROR: import-forbidden
import './lib/native.wasm' // ERROR: import-forbidden
import './lib/typed.ts' // ERROR: import-forbidden
import './lib/fine.js?cached=1'
import './lib/%66ine.js'
import './lib/..%2f..%2fx.js' // ERROR: import-forbidden
import data from './lib/data.json' with { type: 'json' }
export * from 'node:dgram' // ERROR: import-forbidden
export { readFile } from 'node:fs/promises' // ERROR: import-forbidden
export {} from 'node:http2' // ERROR: import-forbidden
export /* nothing */ { /* at all */ } from 'node:tls' // ERROR: import-forbidden
import {} from 'node:cluster' // ERROR: import-forbidden
import 'n\u006fde:dns' // ERROR: import-forbidden
await import('node:repl') // ERROR: import-forbidden
await import(`node:${'os'}`) // ERROR: import-forbidden
await import('node:' + ('wa' + 'si')) // ERROR: import-forbidden
await import((('child_process'))) // ERROR: import-forbidden
await import(data.name) // ERROR: import-computed
await import(`./lib/${data.name}.js`) // ERROR: import-computed
await import('./lib/fine.js')
export const url = import.meta.resolve('./lib/fine.js') // WARNING: runtime-escape
export const here = import.meta.url
