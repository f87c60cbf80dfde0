import { invalid, noSuch } from './stripe-errors.ts'
import { formAt, textAt, type Form } from './stripe-form.ts'
import type { Dispute, StripeAccount, StripeFile } from './stripe-objects.ts'

const DAY = 86_400
const MAX_FILE_BYTES = 5_000_000
/** Evidence that is text, and evidence that names an uploaded file (docs.stripe.com/api/disputes/evidence_object). */
const TEXTS = new Set(['billing_address', 'customer_email_address', 'customer_name', 'product_description', 'service_date', 'shipping_address', 'shipping_carrier', 'shipping_date', 'shipping_tracking_number', 'uncategorized_text'])
const FILES = new Set(['customer_communication', 'customer_signature', 'receipt', 'service_documentation', 'shipping_documentation', 'uncategorized_file'])

/** A customer's bank takes a charge back: how a dispute begins. */
export function openDispute(account: StripeAccount, chargeId: string, reason = 'product_not_received'): Dispute {
  const charge = account.charges.get(chargeId)
  if (!charge) throw noSuch('charge', chargeId, 'charge')
  charge.disputed = true
  const created = account.now()
  const dispute: Dispute = {
    id: account.newId('dp'), object: 'dispute', amount: charge.amount_captured, charge: charge.id, created, currency: charge.currency, payment_intent: charge.payment_intent, reason,
    evidence: {}, evidence_details: { due_by: created + 7 * DAY, has_evidence: false, past_due: false, submission_count: 0 }, metadata: {}, status: 'needs_response',
  }
  account.disputes.set(dispute.id, dispute)
  return dispute
}

/** POST /v1/disputes/:id */
export function updateDispute(account: StripeAccount, id: string, form: Form): Dispute {
  const dispute = account.disputes.get(id)
  if (!dispute) throw noSuch('dispute', id, 'dispute')
  const evidence = Object.entries(formAt(form, 'evidence')).map(([key, value]) => [key, evidenceText(account, key, value)])
  dispute.evidence = { ...dispute.evidence, ...(Object.fromEntries(evidence) as Record<string, string>) }
  dispute.evidence_details.has_evidence = Object.keys(dispute.evidence).length > 0
  if (textAt(form, 'submit') !== 'false') {
    dispute.evidence_details.submission_count += 1
    dispute.status = 'under_review'
  }
  return dispute
}

/** POST /v1/files on files.stripe.com: `multipart/form-data` with `purpose` and `file`. */
export function createFile(account: StripeAccount, contentType: string, body: string): StripeFile {
  const parts = multipart(contentType, body)
  const purpose = parts.find((part) => part.name === 'purpose')?.content
  const file = parts.find((part) => part.name === 'file')
  if (purpose !== 'dispute_evidence') throw invalid('Invalid purpose', { param: 'purpose' })
  if (file?.filename === undefined) throw invalid('Missing required param: file.', { code: 'parameter_missing', param: 'file' })
  if (file.content.length > MAX_FILE_BYTES) throw invalid('The file is too large.', { param: 'file' })
  if (!file.content.startsWith('%PDF-')) throw invalid('We currently only support PDF, JPEG and PNG files as dispute evidence.', { param: 'file' })
  const stored: StripeFile = { id: account.newId('file'), object: 'file', created: account.now(), filename: file.filename, purpose, size: file.content.length, type: 'pdf' }
  account.files.set(stored.id, stored)
  return stored
}

function evidenceText(account: StripeAccount, key: string, value: string | Form): string {
  if (typeof value !== 'string' || (!TEXTS.has(key) && !FILES.has(key))) throw invalid(`Received unknown parameter: evidence[${key}]`, { code: 'parameter_unknown', param: `evidence[${key}]` })
  if (FILES.has(key) && !account.files.has(value)) throw noSuch('file upload', value, `evidence[${key}]`)
  return value
}

/** RFC 7578 with text parts only. */
function multipart(contentType: string, body: string): readonly { name: string; filename: string | undefined; content: string }[] {
  const boundary = /^multipart\/form-data; *boundary="?([^";]+)"?$/.exec(contentType)?.[1]
  if (boundary === undefined) throw invalid('Request should be multipart/form-data.')
  return body.split(`--${boundary}`).slice(1, -1).map((part) => {
    const split = part.indexOf('\r\n\r\n')
    const head = part.slice(0, split)
    return { name: /[; ]name="([^"]+)"/.exec(head)?.[1] ?? '', filename: /filename="([^"]+)"/.exec(head)?.[1], content: part.slice(split + 4, -2) }
  })
}
