import { z } from 'zod'

/** Our own `/v1/palisade/audit/entries/{uid}/proof`. Bytes are standard base64. */
export const AuditProof = z.strictObject({
  index: z.int().min(0),
  /** Entries of the tree that the checkpoint signs. */
  size: z.int().min(1),
  /** The signed checkpoint: a C2SP signed note. */
  checkpoint: z.string(),
  /** The entry's leaf hash, as the log keeps it. */
  leaf: z.base64(),
  /** The sibling hashes from the leaf upwards (RFC 9162 §2.1.3). */
  path: z.array(z.base64()),
  /** The entry's line, byte for byte; absent where its content is gone. */
  line: z.string().optional(),
  /** Why there is no line. */
  content: z.enum(['destroyed', 'unreadable']).optional(),
})
export type AuditProof = z.infer<typeof AuditProof>
