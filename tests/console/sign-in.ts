import type { Page } from 'playwright-core'

/** Who signs in. A system administrator has no organisation and follows the link below the form. */
export type Person = {
  readonly email: string
  readonly password: string
  readonly org?: string
  readonly system?: boolean
}

/**
 * Signs in on the server's own pages, as a person does: opens an address of the console, is led to the form, fills it, and is
 * led back to the address.
 *
 * @param address where to; whole, with the server's origin
 */
export async function signIn(page: Page, address: string, person: Person): Promise<void> {
  await page.goto(address)
  await fillSignIn(page, person)
  await page.waitForURL((url) => !isSignIn(url))
  await page.getByRole('heading', { level: 1 }).waitFor()
}

/** Fills the sign-in page that is shown, or about to be, and sends it. What follows is the caller's to look at. */
export async function fillSignIn(page: Page, { email, password, org, system }: Person): Promise<void> {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  if (system) await page.getByRole('link', { name: 'Sign in as system administrator' }).click()
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  if (org !== undefined) await page.getByLabel('Organisation').fill(org)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** On the way to being signed in: the issuer's pages and what leads there and back. */
export const isSignIn = ({ pathname }: URL): boolean => /^\/(?:canvas|oidc|sign-in)\//.test(pathname)
