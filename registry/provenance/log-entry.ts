import { X509Certificate } from 'node:crypto'
import { CatalystError } from '../../schemas/errors.ts'
import { certificatesOf, type Bundle } from './sigstore.ts'

/**
 * Every log entry must name the bundle's own certificate. The library compares signature and digest only, so an entry of another
 * signer over the same bytes would pass (CVE-2022-36056). Bundles of bare keys name no certificate: nothing to compare.
 * @throws CatalystError SIGNATURE_INVALID
 */
export function assertLoggedSigner(bundle: Bundle): void {
  const [signer] = certificatesOf(bundle)
  if (!signer) return
  for (const entry of bundle.verificationMaterial.tlogEntries) {
    const logged = loggedCertificates(JSON.parse(entry.canonicalizedBody.toString('utf8')))
    if (logged.length !== 1 || !logged[0]?.equals(signer)) throw new CatalystError('SIGNATURE_INVALID', 'The log entry is of another certificate than the one of the bundle')
  }
}

/** The parts of Rekor's entries that hold certificates (rekor/pkg/types, rekor-tiles/api/proto). */
interface EntryBody {
  readonly spec?: {
    /** hashedrekord 0.0.1 */
    readonly signature?: { readonly publicKey?: { readonly content?: string } }
    /** dsse 0.0.1 */
    readonly signatures?: readonly { readonly verifier?: string }[]
    /** intoto 0.0.2 */
    readonly content?: { readonly envelope?: { readonly signatures?: readonly { readonly publicKey?: string }[] } }
    readonly hashedRekordV002?: { readonly signature?: LoggedVerifier }
    readonly dsseV002?: { readonly signatures?: readonly LoggedVerifier[] }
  }
}

interface LoggedVerifier {
  readonly verifier?: { readonly x509Certificate?: { readonly rawBytes?: string } }
}

function loggedCertificates({ spec = {} }: EntryBody): Buffer[] {
  const pems = [spec.signature?.publicKey?.content, ...(spec.signatures ?? []).map((s) => s.verifier), ...(spec.content?.envelope?.signatures ?? []).map((s) => s.publicKey)]
  const ders = [spec.hashedRekordV002?.signature, ...(spec.dsseV002?.signatures ?? [])].map((s) => s?.verifier?.x509Certificate?.rawBytes)
  return [...pems.filter(isText).map(derOfPem), ...ders.filter(isText).map((der) => Buffer.from(der, 'base64'))]
}

/** Rekor keeps PEM in base64, and intoto entries in base64 twice over. */
function derOfPem(base64: string): Buffer {
  const once = Buffer.from(base64, 'base64').toString('latin1')
  const pem = once.startsWith('-----BEGIN') ? once : Buffer.from(once, 'base64').toString('latin1')
  return Buffer.from(new X509Certificate(pem).raw)
}

const isText = (value: string | undefined): value is string => typeof value === 'string'
