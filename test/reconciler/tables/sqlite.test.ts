import { pluginTablesContract } from '../../contracts/plugin-tables.ts'
import { newSqliteStore } from './sqlite-store.ts'

pluginTablesContract('sqlite', () => newSqliteStore())
