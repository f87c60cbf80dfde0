import { LIMITS } from '../schemas/limits.ts'

/* Which of the attestations about an artifact to prove. Choosing is no trust: the verifier decides. */

const PROVENANCE = 'https://slsa.dev/provenance/v1'

/** The bundle that is SLSA provenance, best one of a run at this tag; undefined when none is. Pure. */
export function chooseProvenance(bundles: readonly Uint8Array[], tag: string): Uint8Array | undefined {
  const small = bundles.filter((bytes) => bytes.length <= LIMITS.bundleMaxBytes)
  const provenance = small.flatMap((bytes) => {
    const statement = statementOf(bytes)
    return statement?.predicateType === PROVENANCE ? [{ bytes, ref: refOf(statement) }] : []
  })
  return (provenance.find(({ ref }) => ref === `refs/tags/${tag}`) ?? provenance[0])?.bytes
}

interface Statement {
  readonly predicateType?: unknown
  readonly predicate?: { readonly buildDefinition?: { readonly externalParameters?: { readonly workflow?: { readonly ref?: unknown } } } }
}

/** The in-toto statement within a bundle, unproven; undefined for what is none. */
function statementOf(bundle: Uint8Array): Statement | undefined {
  try {
    const { dsseEnvelope } = JSON.parse(Buffer.from(bundle).toString()) as { dsseEnvelope?: { payload?: unknown } }
    return JSON.parse(Buffer.from(String(dsseEnvelope?.payload), 'base64').toString()) as Statement
  } catch {
    return undefined
  }
}

function refOf(statement: Statement): unknown {
  return statement.predicate?.buildDefinition?.externalParameters?.workflow?.ref
}
