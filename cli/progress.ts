import type { Progress, ProgressEvent } from '../reconciler/ports.ts'
import { tell } from './output.ts'
import type { Terminal } from './terminal.ts'

const WORDS: Record<ProgressEvent['stage'], string> = {
  index: 'reading registries',
  resolve: 'choosing versions',
  fetch: 'fetching',
  verify: 'verifying signatures',
  inspect: 'inspecting packages',
  stage: 'unpacking',
  probe: 'starting new code',
  activate: 'switching over',
  record: 'recording',
  recover: 'finishing what was interrupted',
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const REDRAW_MS = 80

/**
 * Shows long work: one line that redraws itself where a person watches, one plain line per stage elsewhere. Says
 * nothing for work that ends at once.
 */
export function progressTo(terminal: Terminal, quiet: boolean, draw: (text: string) => void = (text) => tell(process.stderr, text)): Progress & { end(): void } {
  if (quiet) return Object.assign((): void => undefined, { end: (): void => undefined })
  let shown: ReturnType<typeof plain> | undefined
  const tell = (event: ProgressEvent): void => (shown ??= terminal.interactive ? redrawing(draw) : plain(terminal))(event)
  return Object.assign(tell, { end: (): void => shown?.end() })
}

function plain(terminal: Terminal): Progress & { end(): void } {
  const told = new Set<string>()
  const tell = (event: ProgressEvent): void => {
    if (told.has(event.stage)) return
    told.add(event.stage)
    terminal.err(`${WORDS[event.stage]}…`)
  }
  return Object.assign(tell, { end: (): void => undefined })
}

function redrawing(draw: (text: string) => void): Progress & { end(): void } {
  const count = new Map<string, number>()
  let last = 0
  let shown = false
  let frame = 0
  const tell = (event: ProgressEvent): void => {
    const done = event.done ?? (count.get(event.stage) ?? 0) + 1
    count.set(event.stage, done)
    const now = performance.now()
    if (now - last < REDRAW_MS) return
    last = now
    shown = true
    frame = (frame + 1) % FRAMES.length
    const of = event.total ? `${done}/${event.total}` : String(done)
    draw(`\r\u001b[2K${FRAMES[frame]} ${WORDS[event.stage]} ${of}`)
  }
  const end = (): void => {
    if (shown) draw('\r\u001b[2K')
    shown = false
  }
  return Object.assign(tell, { end })
}
