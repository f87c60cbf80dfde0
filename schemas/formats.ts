import { exactVersion, isRange, isSatisfiable } from './versions.ts'

/** The `format`s of our schemas: what a pattern cannot say. */
export const FORMATS = {
  instant: (text: string): boolean => !Number.isNaN(Date.parse(text)),
  semver: (text: string): boolean => exactVersion(text) !== undefined,
  'semver-range': (text: string): boolean => isRange(text) && isSatisfiable(text),
}
