/** @import { Plugin, PluginHost } from '@catalyst/plugins/contracts' */
import { catalogue } from './catalogue.js'
import { parse } from './parse.js'
import { ESCAPES, render } from './render.js'

/** @typedef {{ template: string, locale?: string, values?: Record<string, unknown>, format?: 'text' | 'html' | 'sms' }} RenderInput */

/**
 * Templates for other plugins. `operations.render` is what `templates@1` promises.
 *
 * @param {PluginHost} host
 * @returns {Plugin}
 */
export function createPlugin({ config }) {
  const templates = catalogue(config)
  return {
    async health() {
      const message = templates.problem()
      return message === undefined ? { ok: true } : { ok: false, message }
    },
    operations: {
      /**
       * The words of a template in the customer's language, or the nearest one there is.
       *
       * @param {RenderInput} input
       */
      render: async ({ template, locale = '', values = {}, format = 'text' }) => {
        const escape = Object.hasOwn(ESCAPES, format) ? ESCAPES[format] : undefined
        if (!escape) throw failure('invalid_format', `there is no format '${format}': text, html or sms`)
        const found = templates.find(template, locale)
        return { text: render(parse(found.source), { locale: found.locale, values, escape }), locale: found.locale }
      },
      /** What can be rendered: template ids with their languages. */
      list: async () => templates.list(),
    },
  }
}

/** @param {string} code @param {string} message */
function failure(code, message) {
  return Object.assign(new Error(`message-templates: ${message}`), { code })
}
