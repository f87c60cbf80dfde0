import type { Kills } from './crash-report.ts'

type Counted = 'count' | 'before' | 'between' | 'after' | 'off' | 'endedOld' | 'endedNew'

/** docs/crash-soak.md: what a soak saw. Pure. */
export function soakPage(kills: readonly Kills[], { rounds, seed, day }: { readonly rounds: number; readonly seed: number; readonly day: string }): string {
  const of = (how: Kills['how']): readonly Kills[] => kills.filter((k) => k.how === how)
  const losses = kills.flatMap((k) => k.losses)
  return `# Crash harness: what a soak saw

Written by \`npm run test:soak\` on ${day}: ${rounds} rounds at random times, seed ${seed}. A pass in a process of its own is killed (SIGKILL); right after
it, and again after the next pass, everything is compared with the same job done in peace: what is live and recorded, migrations,
rows and columns by digest, files, backups, audit ([adr/0006](adr/0006-what-survives-a-crash.md), \`test/reconciler/apply/crash-laws.ts\`).

| boundaries | rounds | caught before, between, after | next pass: as before, as wished | losses |
| --: | --: | --: | --: | --: |
| ${sum(of('boundary'), 'count')} | ${sum(of('random'), 'count')} | ${sum(kills, 'before')}, ${sum(kills, 'between')}, ${sum(kills, 'after')} | ${sum(kills, 'endedOld')}, ${sum(kills, 'endedNew')} | ${losses.length} |

*Before*: every plugin as it was; *after*: every plugin as it will be; *between*: some changed and others not yet, or switched *off* while tables change.
An interrupted rollback or restore that nobody asks for again ends *as before*.

## At every boundary

On PostgreSQL without those at which only this machine's files differ.

${table(of('boundary'))}

## At random times

${table(of('random'))}
${losses.length === 0 ? '' : `\n## Lost\n\n${losses.map((loss) => `    ${loss.split('\n')[0]}`).join('\n')}\n`}`
}

function sum(kills: readonly Kills[], key: Counted): number {
  return kills.reduce((total, k) => total + k[key], 0)
}

function table(kills: readonly Kills[]): string {
  const rows = [...kills].sort((a, b) => (`${a.job} ${a.dialect}` < `${b.job} ${b.dialect}` ? -1 : 1))
  return ['| job | database | kills | before | between | (off) | after | losses |', '| --- | --- | --: | --: | --: | --: | --: | --: |', ...rows.map((k) => `| ${k.job} | ${k.dialect} | ${k.count} | ${k.before} | ${k.between} | ${k.off} | ${k.after} | ${k.losses.length} |`)].join('\n')
}
