import { sha256Bytes } from './signing-key.ts'

/**
 * The append-only tree of RFC 6962 2.1. Hashes of full subtrees never change and are kept, so that an append and its
 * proof cost the logarithm of the size.
 */
export class MerkleTree {
  readonly #leaves: Buffer[] = []
  readonly #full = new Map<string, Buffer>()

  get size(): number {
    return this.#leaves.length
  }

  /** Appends an entry and returns its index. */
  append(entry: Uint8Array): number {
    return this.#leaves.push(sha256Bytes(Buffer.of(0), entry)) - 1
  }

  /** Root hash of the tree as it is. */
  root(): Buffer {
    return this.#hash(0, this.size)
  }

  /** RFC 6962 2.1.1: the audit path of a leaf, from the leaf up. */
  path(index: number): Buffer[] {
    return this.#path(index, 0, this.size)
  }

  #path(index: number, from: number, to: number): Buffer[] {
    if (to - from <= 1) return []
    const middle = from + splitOf(to - from)
    return index < middle ? [...this.#path(index, from, middle), this.#hash(middle, to)] : [...this.#path(index, middle, to), this.#hash(from, middle)]
  }

  #hash(from: number, to: number): Buffer {
    const size = to - from
    if (size === 0) return sha256Bytes()
    if (size === 1) return this.#leaves[from] ?? sha256Bytes()
    const full = Number.isInteger(Math.log2(size))
    const key = `${from}:${to}`
    const known = full ? this.#full.get(key) : undefined
    if (known) return known
    const middle = from + splitOf(size)
    const hash = sha256Bytes(Buffer.of(1), this.#hash(from, middle), this.#hash(middle, to))
    if (full) this.#full.set(key, hash)
    return hash
  }
}

/** The largest power of two that is smaller than n. */
function splitOf(n: number): number {
  return 2 ** (Math.ceil(Math.log2(n)) - 1)
}
