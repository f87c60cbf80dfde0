import { openPostgres } from '../../../reconciler/store-db/postgres.ts'
import { newDatabase } from '../../postgres-server.ts'
import { storeStateContract } from '../../contracts/store-state.ts'

storeStateContract('PostgreSQL', async () => {
  const database = await newDatabase()
  return { open: () => openPostgres(database.url), remove: () => database.drop() }
})
