import { createHash } from 'node:crypto'

/** What isomorphic-git asks of `sha.js`, done by Node: cli/build.ts puts it in its place and leaves out a dozen packages for browsers. */
export default class Sha1 {
  readonly #hash = createHash('sha1')

  update(bytes: Uint8Array | string): this {
    this.#hash.update(bytes)
    return this
  }

  digest(encoding: 'hex'): string {
    return this.#hash.digest(encoding)
  }
}
