import { expect, test } from 'vitest'
import { renderPlan } from '../../cli/render/plan.ts'
import { signerShown } from '../../cli/render/words.ts'
import type { Plan } from '../../schemas/plan.ts'

const EMPTY: Plan = { formatVersion: 1, store: 'acme-eu', generation: 1, changes: [], blocked: [], notices: [], unchanged: 1, planDigest: `sha256:${'0'.repeat(64)}` }

test('what one answer settles is asked once', () => {
  const removal = { action: 'remove', code: 'MASS_REMOVAL', reason: '2 of 3 would go', hint: 'approvals:\n  - { removals: [a, b] }' } as const
  const upgrade = { id: 'c', action: 'upgrade', code: 'APPROVAL_MISSING', reason: 'a major step', hint: 'write it', to: '2.0.0' } as const
  expect(renderPlan({ ...EMPTY, blocked: [{ id: 'a', ...removal }, { id: 'b', ...removal }, upgrade] }, (_tone, text) => text)).toBe(
    ['! a, b  remove blocked (MASS_REMOVAL): 2 of 3 would go\n    approvals:\n      - { removals: [a, b] }', '! c 2.0.0  upgrade blocked (APPROVAL_MISSING): a major step\n    write it', 'No changes; 3 blocked. 1 plugin as wanted.'].join('\n\n'),
  )
})

test.each([
  ['https://github.com/acme/shop .github/workflows/release.yml (public-good)', 'github.com/acme/shop release.yml (public-good)'],
  ['https://github.com/acme/shop .github/workflows/release.yml via https://github.com/acme/ci/.github/workflows/sign.yml (./root.json)', 'github.com/acme/shop release.yml via github.com/acme/ci/sign.yml (./root.json)'],
  ['http://github.com/acme/shop .github/workflows/release.yml (x)', 'http://github.com/acme/shop release.yml (x)'],
  ['unsigned', 'unsigned'],
])('a signer is shown without what goes without saying: %s', (signer, shown) => {
  expect(signerShown(signer)).toBe(shown)
})
