/*
 * Preloaded into a process (`--import`), it tells in what order files are opened for writing, synced and renamed: a line each
 * on file descriptor 3, the calls themselves go through. What a power cut leaves is decided by this order.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { open, openSync, fsync, fsyncSync, renameSync, rmSync, writeSync } = fs
const paths = new Map()
const tell = (call, path) => writeSync(3, `${call} ${path}\n`)

fs.openSync = (path, ...rest) => {
  const file = openSync(path, ...rest)
  paths.set(file, String(path))
  return file
}
fs.open = (path, ...rest) => {
  const done = rest.pop()
  open(path, ...rest, (error, file) => {
    if (!error) paths.set(file, String(path))
    done(error, file)
  })
}
fs.fsync = (file, done) =>
  fsync(file, (error) => {
    tell('fsync', paths.get(file) ?? '?')
    done(error)
  })
fs.fsyncSync = (file) => {
  fsyncSync(file)
  tell('fsync', paths.get(file) ?? '?')
}
fs.renameSync = (from, to) => {
  renameSync(from, to)
  tell('rename', `${from} ${to}`)
}
fs.rmSync = (path, ...rest) => {
  rmSync(path, ...rest)
  tell('remove', path)
}
syncBuiltinESMExports()
