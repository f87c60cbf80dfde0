import { digestOf, type Digest } from '../../schemas/digest.ts'

/** The state of one plugin that rollback and holds compare: which code, on or off, with which config and grant. */
export interface PluginState {
  readonly entryDigest: string
  readonly enabled: boolean
  readonly configDigest: string
  readonly grantDigest: string
}

/** One digest for a plugin's whole state. Two equal digests mean that nothing would change. In a file of its own because rollback loads nothing else of the planner. */
export function stateDigest(state: PluginState): Digest {
  const { entryDigest, enabled, configDigest, grantDigest } = state
  return digestOf({ entryDigest, enabled, configDigest, grantDigest })
}
