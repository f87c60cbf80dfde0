import { BUILT_IN } from './built-in.js'
import { parse } from './parse.js'

/** @typedef {Readonly<Record<string, Readonly<Record<string, string>>>>} Templates by id, then language */

/**
 * The shop's own templates laid over the built-in ones.
 *
 * @param {Readonly<Record<string, unknown>>} config
 */
export function catalogue(config) {
  const own = /** @type {Templates} */ (config.templates ?? {})
  const fallback = String(config.defaultLocale ?? 'en')
  const languages = (/** @type {string} */ id) => ({ ...at(BUILT_IN, id), ...at(own, id) })

  return {
    /**
     * Looks for `de-AT`, then `de`, then the shop's default, then English.
     *
     * @param {string} id
     * @param {string} locale
     * @throws Error with `code` `unknown_template`
     */
    find(id, locale) {
      const texts = languages(id)
      for (const candidate of [...narrowToWide(locale), ...narrowToWide(fallback), 'en']) {
        const source = at(texts, candidate)
        if (source !== undefined) return { source, locale: candidate }
      }
      throw Object.assign(new Error(`message-templates: no template '${id}' in '${locale}' or '${fallback}'`), { code: 'unknown_template' })
    },

    list() {
      const ids = [...new Set([...Object.keys(BUILT_IN), ...Object.keys(own)])].sort()
      return ids.map((id) => ({ id, locales: Object.keys(languages(id)).sort() }))
    },

    /** What is wrong with the shop's own templates, for people; undefined when nothing is. */
    problem() {
      for (const [id, texts] of Object.entries(own)) {
        for (const [locale, source] of Object.entries(texts)) {
          const message = problemOf(locale, source)
          if (message !== undefined) return `template ${id}, ${locale}: ${message}`
        }
      }
      return undefined
    },
  }
}

/** `de-AT` -> `de-AT`, `de`. @param {string} locale */
function narrowToWide(locale) {
  const parts = locale.split('-')
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('-')).filter((tag) => tag !== '')
}

/** @param {string} locale @param {string} source */
function problemOf(locale, source) {
  try {
    Intl.getCanonicalLocales(locale)
    parse(source)
    return undefined
  } catch (error) {
    return /** @type {Error} */ (error).message
  }
}

/** Keys come from other plugins: `constructor` must not find anything. @template T @param {Readonly<Record<string, T>>} record @param {string} key @returns {T | undefined} */
function at(record, key) {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
