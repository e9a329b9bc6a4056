/**
 * What every page of the console comes with. No script or style in the page itself, nothing from elsewhere, in no frame; whatever a
 * name or description holds, it stays text (threat G08). `self` covers WebSockets to this host (CSP 3).
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // With `no-referrer` browsers would send `Origin: null` along with forms.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
}

const mark =
  '<svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" d="M3 8l2.5-4L8 8v12H3zm6.5 0L12 4l2.5 4v12h-5zM16 8l2.5-4L21 8v12h-5z"/></svg>'

/** A page of a few words, made here, in the dress of the sign-in pages: nothing of a request is ever in it. */
export function plainPage(
  title: string,
  words: string,
  link?: { readonly href: string; readonly text: string },
): string {
  const anchor = link === undefined ? '' : `\n<p><a class="button" href="${link.href}">${link.text}</a></p>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Palisade</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/sign-in/style.css">
</head>
<body>
<main>
<p class="brand">${mark}Palisade</p>
<h1>${title}</h1>
<p>${words}</p>${anchor}
</main>
</body>
</html>
`
}
