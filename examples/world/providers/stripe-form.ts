/** A decoded form: `a[b][0]=x` is `{ a: { b: { 0: 'x' } } }`. Every leaf is text, as Stripe receives it. */
export interface Form {
  readonly [key: string]: string | Form
}

/** Decodes `application/x-www-form-urlencoded` with the bracket notation that Stripe reads. */
export function decodeForm(body: string): Form {
  const root: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [name, value] of new URLSearchParams(body)) {
    const [head = '', ...rest] = name.split('[').map((part) => part.replace(/\]$/, ''))
    place(root, [head, ...rest], value)
  }
  return root as Form
}

function place(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [head = '', ...rest] = path
  // `a[]=x` appends: Stripe takes it for a list, as it does `a[0]=x`.
  const key = head === '' ? String(Object.keys(target).length) : head
  if (rest.length === 0) {
    target[key] = value
    return
  }
  target[key] ??= Object.create(null)
  place(target[key] as Record<string, unknown>, rest, value)
}

/** The text at `key`, or undefined when it is absent or not a plain value. */
export function textAt(form: Form, key: string): string | undefined {
  const value = form[key]
  return typeof value === 'string' ? value : undefined
}

/** The nested form at `key`; empty when absent. */
export function formAt(form: Form, key: string): Form {
  const value = form[key]
  return typeof value === 'object' ? value : {}
}

/** `metadata[...]` as Stripe keeps it: plain text values. */
export function metadataOf(form: Form): Record<string, string> {
  return Object.fromEntries(Object.entries(formAt(form, 'metadata')).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
}
