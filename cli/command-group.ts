import type { Command as Program } from 'commander'
import { CatalystError } from '../schemas/errors.ts'
import { suggestion } from '../schemas/suggestions.ts'

/** A group shows its help when nothing is asked of it, and refuses a word that is none of its commands. */
export function onlyCommandsOf(group: Program, title: string, names: readonly string[]): void {
  group.allowExcessArguments().action(() => {
    const [word] = group.args
    if (word === undefined) return group.help()
    const meant = suggestion(word, names)
    const hint = meant === undefined ? `Run \`${title} --help\` for the commands and their options.` : `Did you mean \`${title} ${meant}\`?`
    throw new CatalystError('USAGE', `there is no command ${JSON.stringify(title === 'catalyst' ? word : `${title.replace('catalyst ', '')} ${word}`)}`, { hint })
  })
}
