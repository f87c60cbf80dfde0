/**
 * A phone number in E.164: `+`, a country code, at most 15 digits in all. Spaces and the usual marks are taken out and a
 * leading 00 becomes `+`; undefined for anything else. A number without its country is not guessed at: it could be a
 * stranger's.
 *
 * @param {string} written
 */
export function e164(written) {
  const bare = written.replaceAll(/[\s().\u00a0\u2010-\u2015/-]/g, '').replace(/^00/, '+')
  return /^\+[1-9]\d{6,14}$/.test(bare) ? bare : undefined
}
