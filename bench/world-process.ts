import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Loopback, WorldSize } from './loopback.ts'

/** A world of published plugins in a process of its own. */
export interface WorldProcess extends Loopback {
  /** Ends the process; its folders go with it. */
  close(): Promise<void>
}

/** Starts the world and waits until everything is published. */
export async function startWorldProcess(size: WorldSize): Promise<WorldProcess> {
  const child = fork(join(import.meta.dirname, 'loopback.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const loopback = await new Promise<Loopback>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Loopback))
    child.once('exit', (code) => reject(new Error(`the world ended with ${code} before it was ready`)))
    child.send(size)
  })
  return {
    ...loopback,
    async close() {
      if (child.connected) child.disconnect()
      await ended
    },
  }
}
