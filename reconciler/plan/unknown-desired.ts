import { PLAN_FORMAT_VERSION, type Plan } from '../../schemas/plan.ts'
import type { Problem } from '../../schemas/errors.ts'
import { planDigest } from './decide.ts'
import type { ObservedState } from './observed.ts'

/**
 * The plan when nobody can tell what is wanted: the file is unreadable, the fetch failed, the schema is broken. Absence is
 * not unknown (law 4): nothing is removed, no grace ends, nothing changes at all, and the plan says why. Pure.
 */
export function planUnknown(store: string, why: Problem, observed: ObservedState): Plan {
  const { installs, generation } = observed.store
  return {
    formatVersion: PLAN_FORMAT_VERSION,
    store,
    generation: generation?.number ?? 0,
    changes: [],
    blocked: [],
    notices: [
      {
        id: store,
        code: 'DesiredUnknown',
        message: `what ${store} wants could not be read (${why.code}: ${why.message}); ${installs.length === 1 ? 'its plugin stays' : `its ${installs.length} plugins stay`} as installed, and nothing is purged`,
        ...(why.hint === undefined ? {} : { hint: why.hint }),
      },
    ],
    unchanged: installs.length,
    planDigest: planDigest([]),
  }
}
