import { describe, expect, test } from 'vitest'
import { CatalystError } from '../../../schemas/errors.ts'
import { resolved, type Case, type Release } from './fixtures.ts'

/* Golden derivations: the whole text that a person reads. Entry n of plugins.yaml stands at line 10 * n. */

const SOON = '2026-11-22T10:00:00Z'

/** The error as text: code and message, every sentence of the derivation, the hint. */
function told(of: Case): string {
  try {
    resolved(of)
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    const lines = error.problems.map((p) => `  ${p.place ? `${p.place.file}:${p.place.line} ` : ''}${p.message}${p.hint ? ` | ${p.hint}` : ''}`)
    return [`${error.code} ${error.message}`, ...lines, ...error.hint.split('\n').map((line) => `> ${line}`)].join('\n')
  }
  return 'resolved'
}

const golden = (text: string): string => text.replace(/^\n/, '').replace(/\n *$/, '').replaceAll(/^ {6}/gm, '')
const minors = (count: number, release: (i: number) => Release): Record<string, Release> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`1.${i}.0`, release(i)]))

const conflicts: readonly (Case & { readonly name: string; readonly text: string })[] = [
  {
    name: 'two entries that want different versions of one plugin',
    wanted: { 'order-sms': '^1.0.0', 'message-templates': '^2.0.0' },
    releases: { 'order-sms': { '1.0.0': { needs: { 'message-templates': '^1.0.0' } }, '1.1.0': { needs: { 'message-templates': '^1.0.0' } } }, 'message-templates': ['1.0.0', '2.0.0'] },
    text: `
      CONFLICT message-templates ^2.0.0 (plugins.yaml:20) and order-sms ^1.0.0 (plugins.yaml:10) cannot be installed together
        Because plugins.yaml:10 asks for order-sms ^1.0.0, and order-sms 1.0.0 and 1.1.0 need message-templates ^1.0.0, message-templates ^1.0.0 is needed.
        So, because plugins.yaml:20 asks for message-templates ^2.0.0, message-templates and order-sms cannot be installed together.
      > This makes it work: ask for message-templates \`version: ^1.0.0\` in plugins.yaml:20.`,
  },
  {
    name: 'the version that would fit is too young',
    wanted: { 'order-sms': '^1.0.0', 'message-templates': '^2.0.0' },
    releases: { 'order-sms': { '1.0.0': { needs: { 'message-templates': '^1.0.0' } }, '1.1.0': { published: SOON, needs: { 'message-templates': '^2.0.0' } } }, 'message-templates': ['1.0.0', '2.0.0'] },
    text: `
      CONFLICT message-templates ^2.0.0 (plugins.yaml:20) and order-sms ^1.0.0 (plugins.yaml:10) cannot be installed together
        Because plugins.yaml:10 asks for order-sms ^1.0.0 (of which only 1.0.0 may be taken), and order-sms 1.0.0 needs message-templates ^1.0.0, message-templates ^1.0.0 is needed.
        So, because plugins.yaml:20 asks for message-templates ^2.0.0, message-templates and order-sms cannot be installed together.
        order-sms 1.1.0 is too young until 2026-11-23T10:00:00Z.
      > Each of these makes it work:
      > - ask for message-templates \`version: ^1.0.0\` in plugins.yaml:20
      > - wait until 2026-11-23T10:00:00Z, when order-sms 1.1.0 is old enough`,
  },
  {
    name: 'every kind of reason why a version may not be taken',
    wanted: { sms: { version: '^1.0.0', permissions: {}, reject: ['1.5.0'] }, tpl: '^2.0.0' },
    catalyst: '3.2.0',
    releases: {
      sms: {
        '1.0.0': { needs: { tpl: '^1.0.0' } },
        '1.1.0': { yanked: 'sends every message twice' },
        '1.2.0': { asks: { api: ['evil.example'] } },
        '1.3.0': { platform: '>=4' },
        '1.4.0': { advisories: [{ level: 'malicious', id: 'CAT-2026-7', title: 'Copies phone numbers' }] },
        '1.5.0': {},
      },
      tpl: ['1.0.0', '2.0.0'],
    },
    text: `
      CONFLICT sms ^1.0.0 (plugins.yaml:10) and tpl ^2.0.0 (plugins.yaml:20) cannot be installed together
        Because plugins.yaml:20 asks for tpl ^2.0.0, and sms 1.0.0 needs tpl ^1.0.0, sms ^1.0.0 cannot be installed.
        So, because plugins.yaml:10 asks for sms ^1.0.0 (of which only 1.0.0 may be taken), sms and tpl cannot be installed together.
        sms 1.5.0 is rejected in plugins.yaml:10.
        sms 1.4.0 is malicious: Copies phone numbers (CAT-2026-7).
        sms 1.3.0 needs Catalyst >=4, and the store has 3.2.0.
        sms 1.2.0 asks for api evil.example:443, which its grant does not allow.
        sms 1.1.0 is yanked: sends every message twice.
      > This makes it work: ask for tpl \`version: ^1.0.0\` in plugins.yaml:20.`,
  },
  {
    name: 'two dependencies of one plugin that want different versions of a third',
    wanted: { checkout: '*' },
    releases: { checkout: { '1.0.0': { needs: { tax: '^1.0.0', cart: '^1.0.0' } } }, tax: { '1.0.0': { needs: { money: '^1.0.0' } } }, cart: { '1.0.0': { needs: { money: '^2.0.0' } } }, money: ['1.0.0', '2.0.0'] },
    text: `
      CONFLICT checkout (plugins.yaml:10) cannot be installed
        Because cart 1.0.0 needs money ^2.0.0, and tax 1.0.0 needs money ^1.0.0, cart 1.0.0 and tax 1.0.0 cannot be installed together.
        And because checkout 1.0.0 needs cart ^1.0.0, checkout 1.0.0 and tax 1.0.0 cannot be installed together.
        So, because plugins.yaml:10 asks for checkout, and checkout 1.0.0 needs tax ^1.0.0, checkout cannot be installed.
      > Ask the publisher of checkout.`,
  },
  {
    name: 'each version fails for another reason',
    wanted: { shop: '^1.0.0', tax: '^1.0.0', mail: '^2.0.0' },
    releases: { shop: { '1.0.0': { needs: { tax: '^2.0.0' } }, '1.1.0': { needs: { mail: '^1.0.0' } } }, tax: ['1.0.0', '2.0.0'], mail: ['1.0.0', '2.0.0'] },
    text: `
      CONFLICT mail ^2.0.0 (plugins.yaml:30), shop ^1.0.0 (plugins.yaml:10) and tax ^1.0.0 (plugins.yaml:20) cannot be installed together
        Because shop 1.0.0 needs tax ^2.0.0, and shop 1.1.0 needs mail ^1.0.0, shop 1.0.0 and 1.1.0 need mail ^1.0.0 or tax ^2.0.0.
        And because plugins.yaml:20 asks for tax ^1.0.0, shop 1.0.0 and 1.1.0 need mail ^1.0.0.
        So, because plugins.yaml:30 asks for mail ^2.0.0, and plugins.yaml:10 asks for shop ^1.0.0, mail, shop and tax cannot be installed together.
      > Each of these makes it work:
      > - ask for mail \`version: ^1.0.0\` in plugins.yaml:30
      > - ask for tax \`version: ^2.0.0\` in plugins.yaml:20`,
  },
  {
    name: 'through a chain',
    wanted: { a: '^1.0.0', d: '1.0.0' },
    releases: { a: { '1.0.0': { needs: { b: '^1.0.0' } } }, b: { '1.0.0': { needs: { c: '^1.0.0' } } }, c: { '1.0.0': { needs: { d: '^3.0.0' } } }, d: ['1.0.0', '3.0.0'] },
    text: `
      CONFLICT a ^1.0.0 (plugins.yaml:10) and d 1.0.0 (plugins.yaml:20) cannot be installed together
        Because b 1.0.0 needs c ^1.0.0, and c 1.0.0 needs d ^3.0.0, b 1.0.0 needs d ^3.0.0.
        And because a 1.0.0 needs b ^1.0.0, a 1.0.0 needs d ^3.0.0.
        So, because plugins.yaml:10 asks for a ^1.0.0, and plugins.yaml:20 asks for d 1.0.0, a and d cannot be installed together.
      > This makes it work: ask for d \`version: 3.0.0\` in plugins.yaml:20.`,
  },
  {
    name: 'two branches, the first of which is told once and cited',
    wanted: { foo: '^1.0.0' },
    releases: { foo: { '1.0.0': { needs: { a: '^1.0.0', b: '^1.0.0' } }, '1.1.0': { needs: { x: '^1.0.0', y: '^1.0.0' } } }, a: { '1.0.0': { needs: { b: '^2.0.0' } } }, b: ['1.0.0', '2.0.0'], x: { '1.0.0': { needs: { y: '^2.0.0' } } }, y: ['1.0.0', '2.0.0'] },
    text: `
      CONFLICT foo ^1.0.0 (plugins.yaml:10) cannot be installed
        Because foo 1.0.0 needs a ^1.0.0, and a 1.0.0 needs b ^2.0.0, foo 1.0.0 needs b ^2.0.0.
        So, because foo 1.0.0 needs b ^1.0.0, foo 1.0.0 cannot be installed. (1)
        Because foo 1.1.0 needs x ^1.0.0, and x 1.0.0 needs y ^2.0.0, foo 1.1.0 needs y ^2.0.0.
        And because foo 1.1.0 needs y ^1.0.0, foo 1.1.0 cannot be installed.
        And because foo 1.0.0 cannot be installed (1), foo ^1.0.0 cannot be installed.
        So, because plugins.yaml:10 asks for foo ^1.0.0, foo cannot be installed.
      > Ask the publisher of foo.`,
  },
  {
    name: 'a stated conflict',
    wanted: { 'old-loyalty': '*', loyalty: '^2.0.0' },
    releases: { 'old-loyalty': ['1.0.0'], loyalty: { '1.0.0': {}, '2.0.0': { conflicts: { 'old-loyalty': '*' } }, '2.1.0': { conflicts: { 'old-loyalty': '*' } } } },
    text: `
      CONFLICT loyalty ^2.0.0 (plugins.yaml:20) and old-loyalty (plugins.yaml:10) cannot be installed together
        Because plugins.yaml:10 asks for old-loyalty, and loyalty 2.0.0 and 2.1.0 conflict with old-loyalty, loyalty ^2.0.0 cannot be installed.
        So, because plugins.yaml:20 asks for loyalty ^2.0.0, loyalty and old-loyalty cannot be installed together.
      > This makes it work: ask for loyalty \`version: ^1.0.0\` in plugins.yaml:20.`,
  },
  {
    name: 'three that go together two by two',
    wanted: { a: '^1.0.0', b: '^1.0.0', c: '^1.0.0' },
    releases: { a: { '1.0.0': { needs: { x: '>=1.0.0 <3.0.0' } } }, b: { '1.0.0': { needs: { x: '>=2.0.0' } } }, c: { '1.0.0': { conflicts: { x: '^2.0.0' } } }, x: ['1.0.0', '2.0.0', '2.1.0', '3.0.0'] },
    text: `
      CONFLICT a ^1.0.0 (plugins.yaml:10), b ^1.0.0 (plugins.yaml:20) and c ^1.0.0 (plugins.yaml:30) cannot be installed together
        Because b 1.0.0 needs x >=2.0.0, and c 1.0.0 conflicts with x ^2.0.0, b 1.0.0 and c 1.0.0 together need x 3.0.0.
        And because plugins.yaml:30 asks for c ^1.0.0, and a 1.0.0 needs x >=1.0.0 <3.0.0, a 1.0.0 and b 1.0.0 cannot be installed together.
        So, because plugins.yaml:10 asks for a ^1.0.0, and plugins.yaml:20 asks for b ^1.0.0, a, b and c cannot be installed together.
      > Change or remove one of the entries at plugins.yaml:10, plugins.yaml:20 and plugins.yaml:30.`,
  },
  {
    name: 'many versions are told as runs',
    wanted: { a: '^1.0.0', x: '^1.0.0' },
    releases: { a: minors(12, (i) => ({ needs: { x: i < 6 ? '^2.0.0' : '^3.0.0' } })), x: ['1.0.0', '2.0.0', '3.0.0'] },
    text: `
      CONFLICT a ^1.0.0 (plugins.yaml:10) and x ^1.0.0 (plugins.yaml:20) cannot be installed together
        Because a 1.0.0 to 1.5.0 need x ^2.0.0, and a 1.6.0 to 1.11.0 need x ^3.0.0, every a ^1.0.0 needs x ^2.0.0 or ^3.0.0.
        So, because plugins.yaml:10 asks for a ^1.0.0, and plugins.yaml:20 asks for x ^1.0.0, a and x cannot be installed together.
      > This makes it work: ask for x \`version: ^3.0.0\` in plugins.yaml:20.`,
  },
  {
    name: 'a narrower range is not told beside the wider one',
    wanted: { shop: '*', tax: '^2.0.0' },
    releases: { shop: { '1.0.0': { needs: { tax: '1.1.0' } }, '1.1.0': { needs: { tax: '^1.0.0' } } }, tax: ['1.0.0', '1.1.0', '2.0.0'] },
    text: `
      CONFLICT shop (plugins.yaml:10) and tax ^2.0.0 (plugins.yaml:20) cannot be installed together
        Because shop 1.0.0 needs tax 1.1.0, and shop 1.1.0 needs tax ^1.0.0, shop 1.0.0 and 1.1.0 need tax ^1.0.0.
        So, because plugins.yaml:10 asks for shop, and plugins.yaml:20 asks for tax ^2.0.0, shop and tax cannot be installed together.
      > This makes it work: ask for tax \`version: ^1.1.0\` in plugins.yaml:20.`,
  },
  {
    name: 'a plugin that needs another version of itself',
    wanted: { a: '^1.0.0' },
    releases: { a: { '1.0.0': { needs: { a: '^2.0.0' } }, '2.0.0': {} } },
    text: `
      CONFLICT a ^1.0.0 (plugins.yaml:10) cannot be installed
        Because plugins.yaml:10 asks for a ^1.0.0, and a 1.0.0 needs a ^2.0.0, a cannot be installed.
      > This makes it work: ask for a \`version: ^2.0.0\` in plugins.yaml:10.`,
  },
  {
    name: 'a proof of hundreds of steps is told by its facts',
    wanted: { a: '*', b: '2.0.0' },
    releases: { a: minors(60, (i) => ({ needs: { b: `1.${i}.0` } })), b: { ...minors(60, () => ({})), '2.0.0': {} } },
    text: `
      CONFLICT a (plugins.yaml:10) and b 2.0.0 (plugins.yaml:20) cannot be installed together
        plugins.yaml:10 asks for a.
        plugins.yaml:20 asks for b 2.0.0.
        a 1.0.0 needs b 1.0.0; a 1.1.0 needs 1.1.0; a 1.2.0 needs 1.2.0; 57 more like this.
        Whatever versions are taken, a and b cannot be installed together.
      > This makes it work: ask for b \`version: 1.59.0\` in plugins.yaml:20.`,
  },
]

describe('a conflict reads like a person explains it', () => {
  test.each(conflicts)('$name', (of) => {
    expect(told(of)).toBe(golden(of.text))
  })
})

const lacking: readonly (Case & { readonly name: string; readonly text: string })[] = [
  {
    name: 'ids that nobody has, ranges that nothing satisfies, versions that may not be taken: all at once',
    wanted: { 'order-sms': '*', 'stripe-payment': '^1.0.0', tax: '^9.0.0', erp: { source: 'github:acme/erp' }, mail: { registry: 'own' } },
    registries: ['official', 'own'],
    releases: {
      'stripe-payments': ['1.0.0'], 'stripe-payment': [], erp: [], mail: [],
      tax: ['1.0.0', '2.0.0'],
      'order-sms': { '1.0.0': { yanked: 'sends twice' }, '1.1.0': { published: SOON }, '1.2.0': { platform: '>=4' } },
    },
    text: `
      UNKNOWN_PLUGIN github:acme/erp has no release of erp (and 4 more)
        plugins.yaml:40 github:acme/erp has no release of erp
        plugins.yaml:50 registry own does not have mail
        plugins.yaml:10 no version of order-sms may be taken: 1.2.0 needs Catalyst >=4, and the store has 3.2.0; 1.1.0 is too young until 2026-11-23T10:00:00Z; 1.0.0 is yanked: sends twice | Wait until 2026-11-23T10:00:00Z, or take 1.1.0 now by typing it: \`version: 1.1.0\`.
        plugins.yaml:20 none of the registries official and own has stripe-payment | Did you mean stripe-payments?
        plugins.yaml:30 no version of tax satisfies ^9.0.0: there is only 1.0.0 to 2.0.0 | The newest that may be taken is 2.0.0: write \`version: ^2.0.0\`.
      > Check the id, or add the registry or the \`source:\` that has it.`,
  },
  {
    name: 'no registry at all',
    wanted: { sms: '*' }, registries: [], releases: { sms: [] },
    text: `
      UNKNOWN_PLUGIN nobody has sms: plugins.yaml names no registry
        plugins.yaml:10 nobody has sms: plugins.yaml names no registry
      > Check the id, or add the registry or the \`source:\` that has it.`,
  },
  {
    name: 'only versions that cannot be read',
    wanted: { sms: '*' }, releases: { sms: ['banana', '1.0'] },
    text: `
      UNKNOWN_PLUGIN of sms only 1.0 and banana can be found, which is no semver version
        plugins.yaml:10 of sms only 1.0 and banana can be found, which is no semver version
      > Check the id, or add the registry or the \`source:\` that has it.`,
  },
  {
    name: 'more versions than anybody reads',
    wanted: { sms: '^1.0.0' }, releases: { sms: minors(9, (i) => ({ yanked: `no. ${i}` })) },
    text: `
      NO_VERSION no version of sms in ^1.0.0 may be taken: 1.8.0 is yanked: no. 8; 1.7.0 is yanked: no. 7; 1.6.0 is yanked: no. 6; 1.5.0 is yanked: no. 5; 1.4.0 is yanked: no. 4; 1.3.0 is yanked: no. 3; and 3 older ones
        plugins.yaml:10 no version of sms in ^1.0.0 may be taken: 1.8.0 is yanked: no. 8; 1.7.0 is yanked: no. 7; 1.6.0 is yanked: no. 6; 1.5.0 is yanked: no. 5; 1.4.0 is yanked: no. 4; 1.3.0 is yanked: no. 3; and 3 older ones
      > Widen the range, or ask the publisher.`,
  },
  {
    name: 'a dependency that nobody has',
    wanted: { 'order-sms': '*' },
    releases: { 'order-sms': { '1.0.0': { needs: { ghost: '^1.0.0' } }, '1.1.0': { needs: { ghost: '^1.0.0' } } } },
    text: `
      UNKNOWN_PLUGIN order-sms (plugins.yaml:10) cannot be installed
        Because plugins.yaml:10 asks for order-sms, and order-sms 1.0.0 and 1.1.0 need ghost ^1.0.0 (which no registry has), order-sms cannot be installed.
      > Add the registry that has ghost, or ask the publisher of what needs it.`,
  },
  {
    name: 'a dependency in a version that does not exist',
    wanted: { 'order-sms': '*' },
    releases: { 'order-sms': { '1.0.0': { needs: { tpl: '^3.0.0' } } }, tpl: ['1.0.0', '2.0.0'] },
    text: `
      NO_VERSION order-sms (plugins.yaml:10) cannot be installed
        Because plugins.yaml:10 asks for order-sms, and order-sms 1.0.0 needs tpl ^3.0.0 (there is only 1.0.0 to 2.0.0), order-sms cannot be installed.
      > Ask the publisher of order-sms.`,
  },
  {
    name: 'a dependency in versions that may not be taken',
    wanted: { 'order-sms': '*' },
    releases: { 'order-sms': { '1.0.0': { needs: { tpl: '^1.0.0' } } }, tpl: { '1.0.0': { yanked: 'empty' }, '1.1.0': { published: SOON }, '2.0.0': {} } },
    text: `
      NO_VERSION order-sms (plugins.yaml:10) cannot be installed
        Because order-sms 1.0.0 needs tpl ^1.0.0, and of tpl only 2.0.0 may be taken, order-sms cannot be installed.
        So, because plugins.yaml:10 asks for order-sms, order-sms cannot be installed.
        tpl 1.1.0 is too young until 2026-11-23T10:00:00Z.
        tpl 1.0.0 is yanked: empty.
      > This makes it work: wait until 2026-11-23T10:00:00Z, when tpl 1.1.0 is old enough.`,
  },
  {
    name: '`update` of what is nowhere',
    wanted: { 'order-sms': '*' }, releases: { 'order-sms': ['1.0.0'] }, mode: { kind: 'update', ids: ['order-smss', 'x'], latest: false },
    text: `
      UNKNOWN_PLUGIN update names order-smss, which is neither in plugins.yaml nor needed by what is (and 1 more)
        update names order-smss, which is neither in plugins.yaml nor needed by what is | Did you mean order-sms?
        update names x, which is neither in plugins.yaml nor needed by what is | Check the id.
      > Did you mean order-sms?`,
  },
]

describe('what is lacking is named with the next step', () => {
  test.each(lacking)('$name', (of) => {
    expect(told(of)).toBe(golden(of.text))
  })

  test('the error points at the clause', () => {
    const error = (() => {
      try {
        resolved(conflicts[0]!)
        return undefined
      } catch (e) {
        return e
      }
    })()
    expect(error).toMatchObject({ place: { file: 'plugins.yaml', line: 20, column: 5 }, exit: 1 })
  })

  test('foreign text in a derivation cannot move the cursor', () => {
    const text = told({ wanted: { a: '*' }, releases: { a: { '1.0.0': { needs: { ghost: '*' } }, '1.1.0': { yanked: '\u001b[31m\nplugins.yaml:1 \u202eall is well' } } } })
    expect(text).toContain('a 1.1.0 is yanked: \\u{1b}[31m\\u{a}plugins.yaml:1 \\u{202e}all is well.')
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u001b\u202e]/)
  })
})
