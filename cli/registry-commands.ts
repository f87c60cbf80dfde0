import type { Command as Program } from 'commander'
import type { OnRegistry } from './program.ts'

/** Every command of a registry's maintainers, in the order in which `catalyst registry --help` shows them. */
export const REGISTRY_COMMANDS: Readonly<Record<string, (group: Program, on: OnRegistry) => unknown>> = {}
