import { printable } from '../../schemas/printable.ts'
import type { PassReport } from '../../catalog/ingest/pass.ts'
import type { Paint } from '../terminal.ts'

type Report = PassReport & { readonly proposed: number }

const MOST = 20

/** What a pass did, for people. */
export function passText(report: Report, paint: Paint): string {
  const { looked, unchanged, verdicts, alarms, published, stopped, requests, counted, proposed } = report
  return [
    `Looked at ${looked} ${looked === 1 ? 'repository' : 'repositories'}, ${unchanged} unchanged; ${requests} requests, ${counted} of them from the hour’s budget.`,
    ...verdictLines('listed', verdicts.listed, paint('good', '+')),
    ...verdictLines('in review', verdicts['in-review'], paint('change', '?')),
    ...verdictLines('rejected', verdicts.rejected, paint('bad', '-')),
    ...verdictLines('withdrawn', verdicts.withdrawn, paint('bad', '!')),
    ...alarms.slice(0, MOST).map(({ message }) => `${paint('bad', 'alarm')}: ${printable(message)}`),
    ...(proposed > 0 ? [`Proposed by topic: ${proposed}; see \`catalyst registry stats\`.`] : []),
    published.commit === undefined ? 'The index in git says all of it already.' : `Index lines of ${published.plugins.length} ${published.plugins.length === 1 ? 'plugin' : 'plugins'} committed: ${published.commit.slice(0, 12)}.`,
    ...(stopped ? [`Stopped early: ${stopped.reason}${stopped.until === undefined ? '' : `, until ${stopped.until}`}. The next run goes on from here.`] : []),
  ].join('\n')
}

/** The same for machines. */
export function passJson({ troubles: _troubles, ...rest }: Report): unknown {
  return rest
}

function verdictLines(word: string, versions: readonly string[], mark: string): readonly string[] {
  const shown = versions.slice(0, MOST).map((version) => `${mark} ${version} ${word}`)
  return versions.length > MOST ? [...shown, `${mark} and ${versions.length - MOST} more ${word}`] : shown
}
