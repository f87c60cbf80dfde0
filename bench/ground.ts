import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A temporary folder for one bench, with folders in it by a running number. */
export class Ground {
  readonly root = mkdtempSync(join(tmpdir(), 'catalyst-bench-'))
  #made = 0

  /** A new empty folder. */
  folder(name: string): string {
    const path = join(this.root, `${String(++this.#made).padStart(3, '0')}-${name}`)
    mkdirSync(path)
    return path
  }

  /** Removes a folder, read-only parts too, and lets the disk settle, so that no run pays for what another one wrote. */
  clear(path: string): void {
    spawnSync('chmod', ['-R', 'u+w', path])
    spawnSync('rm', ['-rf', path])
    spawnSync('sync')
  }

  close(): void {
    this.clear(this.root)
  }
}

/** Writes files into a folder that exists. */
export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}
