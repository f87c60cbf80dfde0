/** Numbers below a bound, first in, first out; what waits already is not added again. One for a whole search: it keeps its room. */
export class Queue {
  readonly #waits: boolean[]
  readonly #numbers: number[] = []
  #next = 0

  constructor(bound: number) {
    this.#waits = new Array<boolean>(bound).fill(false)
  }

  add(number: number): void {
    if (this.#waits[number]) return
    this.#waits[number] = true
    this.#numbers.push(number)
  }

  /** Takes the first one out; undefined when there is none. */
  take(): number | undefined {
    const number = this.#numbers[this.#next]
    if (number === undefined) {
      this.#numbers.length = this.#next = 0
      return undefined
    }
    this.#next += 1
    this.#waits[number] = false
    return number
  }

  clear(): void {
    while (this.take() !== undefined);
  }
}
