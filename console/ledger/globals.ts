import { Bytes } from './bytes.ts'

// The core names Buffer as the global that it is in Node. Imported first, so that it is there when the core is loaded.
Object.assign(globalThis, { Buffer: Bytes })
