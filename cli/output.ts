/* Where a process writes, the reader may be gone (`catalyst apply | head -1`) or the disk full. Neither may end what is under way. */

const heard = new WeakSet<NodeJS.WriteStream>()

/**
 * Writes to stdout or stderr of this process. Without a reader the text goes nowhere and the command goes on to its end; where
 * it cannot be written the exit code is 1 at least, and stderr says why.
 */
export function tell(stream: NodeJS.WriteStream, text: string): void {
  if (!heard.has(stream)) stream.on('error', (error: NodeJS.ErrnoException) => lost(stream, error))
  heard.add(stream)
  stream.write(text)
}

let told = false

function lost(stream: NodeJS.WriteStream, { code = 'unknown' }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE' || told) return
  told = true
  process.on('exit', () => void (process.exitCode ||= 1))
  if (stream !== process.stderr) tell(process.stderr, `error[${code === 'ENOSPC' ? 'DISK_FULL' : 'READ_ONLY'}]: what the command says could not be written (${code})\n  = help: Free some space, or write elsewhere; \`catalyst status\` tells what was done.\n`)
}
