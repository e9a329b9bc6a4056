/** How Palisade itself is named to an identity provider, all of it worked out from its address and the organisation's name. */
export type ServiceProvider = {
  readonly oidc: { readonly callbackUrl: string; readonly logoutUrl: string }
  readonly saml: { readonly acsUrl: string; readonly singleLogoutUrl: string; readonly entityId: string }
}

/** @param org may have any character: it is a part of a path and never more than one (threat D04) */
export function serviceProviderOf(publicUrl: string, org: string): ServiceProvider {
  const base = `${publicUrl}/v1/auth/org/${encodeURIComponent(org)}`
  const acsUrl = `${base}/saml/callback`
  return {
    oidc: { callbackUrl: `${base}/oidc/callback`, logoutUrl: `${base}/oidc/logout` },
    // The published API takes one address for all: that which answers go to is also who they are for.
    saml: { acsUrl, singleLogoutUrl: `${base}/saml/logout`, entityId: acsUrl },
  }
}

const post = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'

/** Metadata for the identity provider (SAML Metadata §2.4.4): assertions are to be signed. */
export function serviceProviderMetadata(
  { acsUrl, singleLogoutUrl, entityId }: ServiceProvider['saml'],
  { nameIdFormat, singleLogout }: { readonly nameIdFormat: string; readonly singleLogout: boolean },
): string {
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${escaped(entityId)}">`,
    '  <md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true" protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">',
    ...(singleLogout ? [`    <md:SingleLogoutService Binding="${post}" Location="${escaped(singleLogoutUrl)}"/>`] : []),
    ...(nameIdFormat === '' ? [] : [`    <md:NameIDFormat>${escaped(nameIdFormat)}</md:NameIDFormat>`]),
    `    <md:AssertionConsumerService Binding="${post}" Location="${escaped(acsUrl)}" index="0" isDefault="true"/>`,
    '  </md:SPSSODescriptor>',
    '</md:EntityDescriptor>',
  ]
  return `${lines.join('\n')}\n`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
