import { pluginTablesContract } from '../../contracts/plugin-tables.ts'
import { postgresStore } from './postgres-world.ts'

pluginTablesContract('postgres', postgresStore)
