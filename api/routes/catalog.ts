import { AlarmPage, AlarmsQuery, AuditPage, HistoryPage, PageQuery, PluginPage, PluginParams, PluginsQuery, PluginView, ProposalPage, StatsView, VerdictPage, VerdictsQuery, VersionParams, VerdictView } from '../../schemas/api.ts'
import { ApiError } from '../problem.ts'
import { route, type Route } from '../route.ts'
import { alarmView, pageView, pastVerdictView, pluginView, proposalView, statsView, verdictSummary, verdictView } from '../views.ts'

/** What everybody may read of the catalog, and what those may who keep it. */
export const CATALOG_ROUTES: readonly Route[] = [
  route({
    method: 'GET', path: '/api/v1/plugins', name: 'listPlugins', summary: 'Plugins by id, of all tiers and categories or of some',
    query: PluginsQuery, answer: { status: 200, schema: PluginPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, query: { limit, cursor, ...filter } }) => pageView(await catalog.plugins(filter, { limit, cursor }), pluginView),
  }),
  route({
    method: 'GET', path: '/api/v1/plugins/{id}', name: 'getPlugin', summary: 'One plugin: its entry, and what is known of its repository',
    params: PluginParams, answer: { status: 200, schema: PluginView }, problems: ['UNKNOWN_PLUGIN'],
    handle: async ({ catalog, params: { id } }) => pluginView((await catalog.plugin(id)) ?? noPlugin(id)),
  }),
  route({
    method: 'GET', path: '/api/v1/plugins/{id}/versions', name: 'listVersions', summary: 'Versions of a plugin with their verdicts, newest decision first',
    params: PluginParams, query: VerdictsQuery, answer: { status: 200, schema: VerdictPage }, problems: ['UNKNOWN_PLUGIN', 'CURSOR_INVALID'],
    async handle({ catalog, params: { id }, query: { limit, cursor, verdict } }) {
      const page = await catalog.verdicts({ id, verdict }, { limit, cursor })
      if (page.items.length === 0 && !(await catalog.plugin(id))) noPlugin(id)
      return pageView(page, verdictSummary)
    },
  }),
  route({
    method: 'GET', path: '/api/v1/plugins/{id}/versions/{version}', name: 'getVersion', summary: 'The verdict on a version, with its evidence',
    params: VersionParams, answer: { status: 200, schema: VerdictView }, problems: ['UNKNOWN_PLUGIN', 'NO_VERSION'],
    async handle({ catalog, params: { id, version } }) {
      const verdict = await catalog.verdict(id, version)
      if (verdict) return verdictView(verdict)
      if (!(await catalog.plugin(id))) noPlugin(id)
      throw new ApiError('NO_VERSION', `nothing was seen of ${id} ${version}`)
    },
  }),
  route({
    method: 'GET', path: '/api/v1/plugins/{id}/versions/{version}/history', name: 'getHistory', summary: 'Every verdict that a version ever had, oldest first',
    params: VersionParams, query: PageQuery, answer: { status: 200, schema: HistoryPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, params: { id, version }, query }) => pageView(await catalog.history(id, version, query), pastVerdictView),
  }),
  route({
    method: 'GET', path: '/api/v1/verdicts', name: 'listVerdicts', summary: 'Verdicts on all plugins, newest decision first',
    query: VerdictsQuery, answer: { status: 200, schema: VerdictPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, query: { limit, cursor, verdict } }) => pageView(await catalog.verdicts({ verdict }, { limit, cursor }), verdictSummary),
  }),
  route({
    method: 'GET', path: '/api/v1/stats', name: 'getStats', summary: 'How much of everything there is',
    answer: { status: 200, schema: StatsView }, problems: [],
    handle: async ({ catalog }) => statsView(await catalog.stats()),
  }),
  route({
    method: 'GET', path: '/api/v1/alarms', name: 'listAlarms', summary: 'What a maintainer must hear of, newest first',
    query: AlarmsQuery, scope: 'audit', answer: { status: 200, schema: AlarmPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, query: { limit, cursor, ...filter } }) => pageView(await catalog.alarms(filter, { limit, cursor }), alarmView),
  }),
  route({
    method: 'GET', path: '/api/v1/proposals', name: 'listProposals', summary: 'Repositories that call themselves plugins and have no entry, newest first',
    query: PageQuery, scope: 'audit', answer: { status: 200, schema: ProposalPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, query }) => pageView(await catalog.proposals(query), proposalView),
  }),
  route({
    method: 'GET', path: '/api/v1/audit', name: 'listAudit', summary: 'Who did what, newest first',
    query: PageQuery, scope: 'audit', answer: { status: 200, schema: AuditPage }, problems: ['CURSOR_INVALID'],
    handle: async ({ catalog, query }) => pageView(await catalog.audit(query), ({ sequence, at, by, event, subject, details }) => ({ sequence, at, by, event, subject, details: { ...details } })),
  }),
]

function noPlugin(id: string): never {
  throw new ApiError('UNKNOWN_PLUGIN', `the registry has no plugin ${id}`)
}
