import type { ApartRequest } from '../../validator/apart.ts'
import type { Finding } from '../../validator/findings.ts'

const ACTS: Readonly<Record<string, () => void>> = {
  abort: () => process.kill(process.pid, 'SIGABRT'),
  segfault: () => process.kill(process.pid, 'SIGSEGV'),
  exit: () => process.exit(3),
  // As deaf as an endless loop, and leaves the processor to others.
  hang: () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  environment: () => {
    const message = process.env['CATALYST_TEST_SECRET'] === undefined ? 'no secret here' : 'the secret is here'
    process.send?.([{ code: 'RULE_FAILED', rule: 'test', severity: 'warning', message } satisfies Finding])
  },
}

process.on('message', ({ files }: ApartRequest) => {
  const text = new TextDecoder().decode(files.find((file) => file.path === 'index.js')?.bytes)
  const act = ACTS[/^\/\/ (\w+)/.exec(text)?.[1] ?? '']
  if (act) act()
  else process.send?.([])
})
process.on('disconnect', () => process.exit(0))
