import { readFileSync, writeSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

/* The floor of the service: a Hono app of one route that returns the bytes of one file, and does nothing else. */

const [path = ''] = process.argv.slice(2)
const text = readFileSync(path, 'utf8')
const app = new Hono().get('/index/:a/:b/:id', (c) => c.body(text, 200, { 'content-type': 'application/x-ndjson; charset=utf-8' }))
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }: AddressInfo) => void writeSync(2, `${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`))
