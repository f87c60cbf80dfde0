import { expect, test } from 'vitest'
import { CatalystError } from '../../schemas/errors.ts'
import { readPluginSet } from '../../schemas/plugin-set-file.ts'

const HEAD = 'apiVersion: catalyst.dev/v1\nkind: PluginSet\nstore:\n  id: acme-eu\n'

function problemsOf(text: string): readonly { readonly code: string; readonly message: string; readonly line: number | undefined }[] {
  try {
    readPluginSet(HEAD + text, 'plugins.yaml')
    return []
  } catch (error) {
    if (!(error instanceof CatalystError)) throw error
    return error.problems.map(({ code, message, place }) => ({ code, message, line: place?.line }))
  }
}

test('an id in plugins and removed is refused with both places', () => {
  expect(problemsOf('plugins:\n  loyalty: {}\nremoved:\n  loyalty@1.4.2: { tables: remove }\n')).toMatchObject([
    { code: 'CONTRADICTION', message: 'loyalty stands under plugins (line 6, column 3) and under removed (line 8, column 3)', line: 8 },
  ])
})

test('two decisions about one plugin are refused', () => {
  expect(problemsOf('plugins: {}\nremoved:\n  loyalty@1.4.1: { tables: remove }\n  loyalty@1.4.2: { tables: keep }\n')).toMatchObject([{ code: 'CONTRADICTION', message: 'loyalty stands twice under removed: loyalty@1.4.1 and loyalty@1.4.2 (line 8, column 3)' }])
})

test('a plugin that goes on under another id is not decided about as removed', () => {
  expect(problemsOf('plugins: { points: {} }\nremoved:\n  loyalty@1.4.2: { tables: remove }\nmoved:\n  - { from: loyalty, to: points }\n')).toMatchObject([{ code: 'CONTRADICTION' }])
})
