/**
 * The numbers still to be looked at, smallest first. A binary heap; the same number may be in it twice.
 * (Deciding must not cost a walk over all plugins each time: that would make resolving quadratic.)
 */
export class Agenda {
  readonly #heap: number[] = []

  push(value: number): void {
    const heap = this.#heap
    let at = heap.push(value) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! <= value) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = value
  }

  /** Takes the smallest number out; undefined when there is none. */
  pop(): number | undefined {
    const heap = this.#heap
    const smallest = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return smallest
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child += 1
      if (heap[child]! >= last) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return smallest
  }
}
