import { memoryStore } from '../../../reconciler/store-db/memory.ts'
import { storeStateContract } from '../../contracts/store-state.ts'

storeStateContract('memory', async () => {
  const store = memoryStore()
  return { open: async () => store, remove: async () => {} }
})
