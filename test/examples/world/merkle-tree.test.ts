import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { MerkleTree } from '../../../examples/world/sigstore/merkle-tree.ts'

// The entries and roots that certificate transparency's own implementations are tested with.
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c', '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const hash = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()

describe('the tree of RFC 6962', () => {
  test('has the known root at every size', () => {
    const tree = new MerkleTree()
    const roots = ENTRIES.map((entry) => (tree.append(Buffer.from(entry, 'hex')), tree.root().toString('hex')))
    expect(roots).toEqual(ROOTS)
  })

  test('has the known paths', () => {
    const tree = new MerkleTree()
    for (const entry of ENTRIES) tree.append(Buffer.from(entry, 'hex'))
    expect(tree.path(0).map((h) => h.toString('hex'))).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ])
  })

  // RFC 9162 2.1.3.2: the verifier's side, which splits by bits where the tree splits by halves.
  test('proves every entry at every size up to 40', () => {
    const tree = new MerkleTree()
    for (let size = 1; size <= 40; size++) {
      tree.append(Buffer.from(String(size - 1)))
      for (let index = 0; index < size; index++) expect(rootBy(index, size, tree.path(index))).toEqual(tree.root())
    }
  })
})

function rootBy(index: number, size: number, path: readonly Buffer[]): Buffer {
  let [node, last] = [index, size - 1]
  let root = hash(Buffer.of(0), Buffer.from(String(index)))
  for (const sibling of path) {
    if (node % 2 === 1 || node === last) {
      root = hash(Buffer.of(1), sibling, root)
      while (node % 2 === 0 && node !== 0) [node, last] = [node >> 1, last >> 1]
    } else root = hash(Buffer.of(1), root, sibling)
    ;[node, last] = [node >> 1, last >> 1]
  }
  return root
}
