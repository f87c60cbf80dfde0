/* Preloaded (`NODE_OPTIONS=--import`) into a process whose clock is LATE_DAYS days ahead. */
const ahead = Number(process.env.LATE_DAYS) * 86_400_000
const now = Date.now
Date.now = () => now() + ahead
globalThis.Date = class extends Date {
  constructor(...args) {
    if (args.length === 0) super(now() + ahead)
    else super(...args)
  }
}
