import type { Endpoint } from '../gateway/index.ts'
import { certificateEndpoints } from './certificate-routes.ts'
import { type CloudAccountPorts, cloudAccountEndpoints } from './cloud-account-routes.ts'
import { cloudTypeEndpoints } from './cloud-type-routes.ts'
import { type EdgeTokenPorts, edgeTokenEndpoints } from './edge-token-routes.ts'
import { type MacroPorts, macroEndpoints } from './macro-routes.ts'
import { profileListEndpoints } from './profile-list-routes.ts'
import { profilePartEndpoints } from './profile-part-routes.ts'
import { type ProfilePorts, profileEndpoints } from './profile-routes.ts'
import { sshKeyEndpoints } from './ssh-key-routes.ts'

export { assetLabels, findAsset } from './labels.ts'

export type Assets = { readonly endpoints: readonly Endpoint[] }

/** What people keep in the tenant or in a project to work with. */
export function createAssets(ports: MacroPorts & EdgeTokenPorts & CloudAccountPorts & ProfilePorts): Assets {
  return {
    endpoints: [
      ...sshKeyEndpoints,
      ...macroEndpoints(ports),
      ...edgeTokenEndpoints(ports),
      ...cloudAccountEndpoints(ports),
      ...cloudTypeEndpoints,
      ...certificateEndpoints(ports),
      ...profileEndpoints(ports),
      ...profilePartEndpoints(ports),
      ...profileListEndpoints,
    ],
  }
}
