import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { openSqlite } from '../../../reconciler/store-db/sqlite.ts'
import { generationRecord, installRecord, T0 } from '../../contracts/records.ts'

/*
 * A process of its own on a store: `node lease-process.ts ADDRESS HOLDER`. Each line on stdin is a word, each answer a
 * line of JSON: `acquire` takes the lease, `commit N` records generation N under it.
 */
const [address = '', holder = ''] = process.argv.slice(2)
const store = await (address.startsWith('postgres:') ? openPostgres(address) : openSqlite(address))
let token = 0

async function answer(line: string): Promise<unknown> {
  const [word, number] = line.split(' ')
  if (word === 'acquire') {
    token = (await store.acquireLease(holder, T0, 60_000)).token
    return { token }
  }
  const installs = [installRecord('alpha', `${Number(number)}.0.0`)]
  const activation = { at: T0, by: holder, reason: 'test' }
  return store.commit({ generation: generationRecord(Number(number), installs), activation, installs, removed: [], holds: [], audit: [{ event: 'install', id: 'alpha', details: {} }], token }, T0)
}

console.log(JSON.stringify({ ready: true }))
for await (const chunk of process.stdin) {
  for (const line of String(chunk).trim().split('\n')) {
    console.log(JSON.stringify(await answer(line).catch((error: { code?: string; message: string }) => ({ code: error.code, message: error.message }))))
  }
}
await store.close()
