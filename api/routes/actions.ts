import { AcceptedView, AdvisedView, AdvisoryRequest, AlarmParams, DecisionRequest, PluginParams, VersionParams, YankRequest } from '../../schemas/api.ts'
import { route, type Route } from '../route.ts'

const ACCEPTED = { status: 'accepted' } as const
const accepted = { status: 202, schema: AcceptedView } as const

/** What may be asked for. Each is on record with who asked before the answer goes out; the bot's next pass brings it into git. */
export const ACTION_ROUTES: readonly Route[] = [
  route({
    method: 'POST', path: '/api/v1/plugins/{id}/ingest', name: 'requestIngest', summary: 'Ask for a look at the repository of a plugin before its turn: after a release, or when a bundle came late',
    params: PluginParams, scope: 'ingest', answer: accepted, problems: ['UNKNOWN_PLUGIN', 'BUSY'],
    async handle({ catalog, params: { id }, actor }) {
      await catalog.requestIngest(id, actor)
      return ACCEPTED
    },
  }),
  route({
    method: 'POST', path: '/api/v1/plugins/{id}/versions/{version}/yank', name: 'yank', summary: 'Mark a listed version as not to be chosen any more; who has it keeps it',
    params: VersionParams, body: YankRequest, scope: 'yank', answer: accepted, problems: ['UNKNOWN_PLUGIN', 'NO_VERSION', 'CONTRADICTION'],
    async handle({ catalog, params: { id, version }, body: { reason }, actor }) {
      await catalog.yank(id, version, reason, actor)
      return ACCEPTED
    },
  }),
  route({
    method: 'DELETE', path: '/api/v1/plugins/{id}/versions/{version}/yank', name: 'unyank', summary: 'Take that mark away',
    params: VersionParams, scope: 'yank', answer: accepted, problems: ['UNKNOWN_PLUGIN', 'NO_VERSION', 'CONTRADICTION'],
    async handle({ catalog, params: { id, version }, actor }) {
      await catalog.yank(id, version, undefined, actor)
      return ACCEPTED
    },
  }),
  route({
    method: 'POST', path: '/api/v1/plugins/{id}/advisories', name: 'advise', summary: 'Publish an advisory for listed versions; `withdrawn` and `malicious` withdraw them',
    params: PluginParams, body: AdvisoryRequest, scope: 'advise', answer: { status: 202, schema: AdvisedView }, problems: ['UNKNOWN_PLUGIN', 'NO_VERSION'],
    handle: async ({ catalog, params: { id }, body: { versions, advisory }, actor }) => ({ versions: [...(await catalog.advise(id, versions, advisory, actor))] }),
  }),
  route({
    method: 'POST', path: '/api/v1/plugins/{id}/versions/{version}/decision', name: 'decide', summary: 'Reject a release that is in review, or withdraw a listed one, for good. To allow one, change its entry',
    params: VersionParams, body: DecisionRequest, scope: 'decide', answer: accepted, problems: ['UNKNOWN_PLUGIN', 'NO_VERSION', 'CONTRADICTION'],
    async handle({ catalog, params: { id, version }, body: { verdict, reason }, actor }) {
      await catalog.decide(id, version, verdict, reason, actor)
      return ACCEPTED
    },
  }),
  route({
    method: 'POST', path: '/api/v1/alarms/{number}/close', name: 'closeAlarm', summary: 'Close an alarm that a person has looked at',
    params: AlarmParams, scope: 'decide', answer: accepted, problems: ['NOT_FOUND'],
    async handle({ catalog, params: { number }, actor }) {
      await catalog.closeAlarm(number, actor)
      return ACCEPTED
    },
  }),
]
