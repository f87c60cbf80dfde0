import { defineConfig } from 'vitest/config'
import { childrenFromBundle } from './test/children-from-bundle.ts'
import SlowestFirst from './test/slowest-first.ts'

export default defineConfig({
  plugins: [childrenFromBundle()],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['./test/temporary-folder.ts', './test/bundle.ts', './test/postgres-once.ts'],
    environment: 'node',
    pool: 'forks',
    // By itself vitest leaves one processor out: on two it would use one.
    maxWorkers: '100%',
    // A file that needs a process of its own would be a defect: nothing here keeps state in a module, so code is read once
    // for all files, not once for each.
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    sequence: { sequencer: SlowestFirst },
    // To end what hangs, not to judge what is slow: a machine may have others to serve.
    testTimeout: 240_000,
    hookTimeout: 300_000,
    reporters: ['default', './test/plain-line.ts'],
  },
})
