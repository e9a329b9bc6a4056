export { type AttemptKind, attemptIndex, blindIndex, directoryIndex, type InstallationSalt } from './blind-index.ts'
export { type CanonicalEmail, canonicalEmail, type EmailRefusal } from './email.ts'
export {
  type Binding,
  type KeyRing,
  maxSealsPerKey,
  open,
  type SealRefusal,
  seal,
  sealOverheadBytes,
  type TenantKey,
} from './envelope.ts'
export { keyBytes, nonceBytes } from './gcm.ts'
export { mailboxOf } from './mailbox.ts'
export { Secret } from './secret.ts'
export {
  type RootKey,
  rootKey,
  unwrapKey,
  unwrapSecret,
  type WrapBinding,
  type WrapRefusal,
  wrapKey,
  wrapSecret,
} from './wrap.ts'
