import { CatalystError, throwProblems } from '../schemas/errors.ts'
import { durationMs } from '../schemas/durations.ts'
import { suggestion } from '../schemas/suggestions.ts'
import { DATA_CLASSES, type Answers, type DataClass } from '../reconciler/data-ports.ts'
import { dataText, tablesText } from '../reconciler/plan/amounts.ts'
import { answerProblems, questionsOf, type Question } from '../reconciler/plan/answers.ts'
import { plan } from '../reconciler/plan/decide.ts'
import type { PlanInput } from '../reconciler/plan/observed.ts'
import { safe, type Terminal } from './terminal.ts'

export type AnswersByPlugin = ReadonlyMap<string, Answers>

const HOW = 'Write --answer ID:CLASS=keep or =remove, e.g. --answer loyalty-points:tables=keep; the classes are config, data and tables.'

/** Answers as `--answer ID:CLASS=keep|remove` gives them. @throws CatalystError USAGE for one that cannot be read, or says two things */
export function parseAnswers(given: readonly string[]): AnswersByPlugin {
  const answers = new Map<string, Answers>()
  for (const text of given) {
    const { id, key, answer } = parsed(text)
    const before = answers.get(id)?.[key]
    if (before !== undefined && before !== answer) throw new CatalystError('USAGE', `--answer says both ${before} and ${answer} of ${key} of ${id}`, { hint: 'Keep one of them. Nothing was changed.' })
    answers.set(id, { ...answers.get(id), [key]: answer })
  }
  return answers
}

function parsed(text: string): { readonly id: string; readonly key: DataClass; readonly answer: 'keep' | 'remove' } {
  const [, id = '', word = '', answer = ''] = /^([a-z0-9-]+):([a-z]+)=([a-z]+)$/.exec(text) ?? []
  if (id === '') throw new CatalystError('USAGE', `--answer ${JSON.stringify(text)} cannot be read`, { hint: HOW })
  const key = DATA_CLASSES.find((one) => one === word)
  if (!key) throw new CatalystError('USAGE', `--answer ${text}: there is no class ${word}`, { hint: meant(word, DATA_CLASSES) ?? HOW })
  if (answer !== 'keep' && answer !== 'remove') throw new CatalystError('USAGE', `--answer ${text}: ${answer} is no answer`, { hint: answer === 'later' ? 'Leave the flag out: what is not answered waits, and is kept.' : (meant(answer, ['keep', 'remove']) ?? HOW) })
  return { id, key, answer }
}

function meant(word: string, words: readonly string[]): string | undefined {
  const found = suggestion(word, words)
  return found === undefined ? undefined : `Did you mean ${found}? ${HOW}`
}

/** What a plan is decided from, with these answers. @throws CatalystError USAGE, CONTRADICTION for an answer to what nobody asks */
export function withAnswers(input: PlanInput, given: AnswersByPlugin): PlanInput {
  if (given.size === 0) return input
  throwProblems(answerProblems(given, questionsOf(plan(input), input), input))
  return { ...input, answers: merged(input.answers ?? new Map(), given) }
}

/** The same, with what a person answers to what is still asked. */
export async function withAskedAnswers(input: PlanInput, terminal: Terminal): Promise<PlanInput> {
  const asked = await askAll(questionsOf(plan(input), input), terminal)
  return { ...input, answers: merged(input.answers ?? new Map(), asked) }
}

function merged(a: AnswersByPlugin, b: AnswersByPlugin): AnswersByPlugin {
  return new Map([...new Set([...a.keys(), ...b.keys()])].map((id) => [id, { ...a.get(id), ...b.get(id) }]))
}

/** Asks a person at the terminal, question by question. `later`, an empty line and the end of input leave it as it is: kept, and asked again. */
async function askAll(questions: readonly Question[], { ask, err }: Terminal): Promise<AnswersByPlugin> {
  const answers = new Map<string, Answers>()
  for (const [i, question] of questions.entries()) {
    if (i === 0) err('Plugins that go, or have gone, leave something. Nothing of it is destroyed unless you say so.')
    const answer = ask && (await oneAnswer(question, ask, err))
    if (answer !== undefined) answers.set(question.id, { ...answers.get(question.id), [question.class]: answer })
  }
  return answers
}

async function oneAnswer(question: Question, ask: NonNullable<Terminal['ask']>, err: Terminal['err']): Promise<'keep' | 'remove' | undefined> {
  for (;;) {
    const said = (await ask(`${questionText(question)} [keep/remove/later] `)).trim().toLowerCase()
    if (said === 'keep' || said === 'remove') return said
    if (said === '' || said === 'later') return undefined
    err(`${safe(said)} is none of keep, remove and later.`)
  }
}

function questionText({ id, version, class: key, holdings, policy: { grace, backup } }: Question): string {
  const what = key === 'tables' ? tablesText(holdings) : key === 'data' ? dataText(holdings) : 'its config'
  const end = `${durationMs(grace) === 0 ? 'gone at once' : `set aside for ${grace}, then gone`}${backup ? '; backed up first' : ''}`
  return `${id} ${version} leaves ${what}. Keep, remove (${end}), or decide later?`
}
