import { writeFileSync } from 'node:fs'
import { schemaFiles } from './editor-schemas.ts'

/* `npm run schemas`: writes the JSON Schema files beside this one, for editors. */

for (const [name, text] of Object.entries(schemaFiles())) writeFileSync(new URL(name, import.meta.url), text)
