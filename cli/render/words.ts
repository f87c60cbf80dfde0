import { safe } from '../terminal.ts'

/** `1 plugin`, `3 plugins`. */
export function plugins(count: number): string {
  return `${count} plugin${count === 1 ? '' : 's'}`
}

/** A signer on one line, without what goes without saying: `github.com/acme/shop release.yml (public-good)`. */
export function signerShown(signer: string): string {
  return safe(signer).replaceAll('https://', '').replaceAll('.github/workflows/', '')
}
