/**
 * Stands in for `xdg-open` and the person before the screen: opens the address it is given, signs in on the pages as the
 * person that the file of the walk names, and follows to where that leads. What goes wrong is written beside that file.
 */
import { appendFile, readFile } from 'node:fs/promises'
import { createBrowser } from '../support/browser.ts'

const [address = '', caFile = '', personFile = ''] = process.argv.slice(2)

try {
  const { email, password, isAdministrator } = JSON.parse(await readFile(personFile, 'utf8')) as Person
  const browser = createBrowser(new URL(address).origin, await readFile(caFile, 'utf8'))
  const first = await browser.open(address)
  const form = isAdministrator ? await browser.open(`${first.url}?realm=system`) : first
  const { url, text } = await browser.submit(form, { email, password, action: 'sign-in' })
  if (url.hostname !== '127.0.0.1') throw new Error(`${email} is not sent back: ${text}`)
  await (await fetch(url)).text()
  await browser.close()
} catch (cause) {
  await appendFile(`${personFile}.log`, `${cause instanceof Error ? cause.stack : cause}\n`)
  process.exitCode = 1
}

export type Person = { readonly email: string; readonly password: string; readonly isAdministrator: boolean }
