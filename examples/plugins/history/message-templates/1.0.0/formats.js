/** How a value becomes text: `{total, money}`. @type {Readonly<Record<string, (value: any, locale: string) => string>>} */
export const FORMATS = {
  number: (value, locale) => new Intl.NumberFormat(locale).format(value),
  money: ({ amount, currency }, locale) => {
    const format = new Intl.NumberFormat(locale, { style: 'currency', currency })
    return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
  },
}

/** Which case of a choice holds: `{n, plural, =0 {none} one {# item} other {# items}}`. @type {Readonly<Record<string, (value: any, locale: string, has: (key: string) => boolean) => string>>} */
export const BRANCHES = {
  plural: (value, locale, has) => (has(`=${value}`) ? `=${value}` : new Intl.PluralRules(locale).select(Number(value))),
}
