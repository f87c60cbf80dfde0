import type { Permissions } from '../../schemas/permissions.ts'

/**
 * The YAML that grants a plugin exactly what it asks for, to paste into plugins.yaml. It starts at `plugins:`, so that
 * it says where it belongs; what is not asked for is left out.
 */
export function grantYaml(id: string, asked: Permissions): string {
  const lines = [
    flowMap('database', asked.database),
    flowList('api', asked.api),
    flowMap('filesystem', asked.filesystem),
    flowList('hooks', asked.hooks),
    asked.admin ? 'admin: true' : undefined,
  ].filter((line) => line !== undefined)
  return ['plugins:', `  ${scalar(id)}:`, '    permissions:', ...lines.map((line) => `      ${line}`)].join('\n')
}

function flowMap(key: string, entries: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(entries).map(([name, access]) => `${scalar(name)}: ${access}`)
  return pairs.length === 0 ? undefined : `${key}: { ${pairs.join(', ')} }`
}

function flowList(key: string, items: readonly string[]): string | undefined {
  return items.length === 0 ? undefined : `${key}: [${items.map(scalar).join(', ')}]`
}

// words that YAML 1.1 or 1.2 reads as something else than text
const READ_OTHERWISE = /^(null|true|false|yes|no|on|off|y|n)$/i

/** A text as YAML reads it back: plain where that is safe, else in double quotes (JSON strings are YAML). */
function scalar(text: string): string {
  const plain = /^[a-z][a-z0-9_./-]*(:[0-9]+)?$/i.test(text) && !READ_OTHERWISE.test(text)
  return plain ? text : JSON.stringify(text)
}
