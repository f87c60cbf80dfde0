import { defineConfig } from 'vitest/config'

/** For `npm run check`: the architecture test alone, without the bundle and the servers that other tests need. Run from the repository's root. */
export default defineConfig({ test: { root: `${import.meta.dirname}/..`, include: ['test/architecture.test.ts'], reporters: ['dot'] } })
