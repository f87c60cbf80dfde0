import { exactVersion, isUsableRange } from './versions.ts'

/** The `format`s of our schemas: what a pattern cannot say. */
export const FORMATS = {
  instant: (text: string): boolean => !Number.isNaN(Date.parse(text)),
  semver: (text: string): boolean => exactVersion(text) !== undefined,
  'semver-range': isUsableRange,
}
