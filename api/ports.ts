import type { CatalogActions, CatalogReader, WebhookIntake } from '../catalog/ports.ts'

/** What the service needs of the catalog: to read it, to ask things of it, and to hand it deliveries. */
export type CatalogService = CatalogReader & CatalogActions & WebhookIntake
