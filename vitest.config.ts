import { defineConfig } from 'vitest/config'
import { childrenFromBundle } from './test/children-from-bundle.ts'

export default defineConfig({
  plugins: [childrenFromBundle()],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['./test/bundle.ts', './test/postgres-once.ts'],
    environment: 'node',
    pool: 'forks',
    // By itself vitest leaves one processor out: on two it would use one.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/plain-line.ts'],
  },
})
