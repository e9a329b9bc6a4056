import type { Locator, Page } from 'playwright-core'
import { quiet } from './browser.ts'
import { focused, tabTo } from './look.ts'

// How a page is used by keys alone: nothing here clicks, fills or focuses anything but by keys.

/** Presses keys one after the other. */
export async function press(page: Page, ...keys: string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key)
}

/** Goes to what has this name and presses Enter on it. */
export async function enter(page: Page, name: string | RegExp): Promise<void> {
  await tabTo(page, name)
  await press(page, 'Enter')
}

/** Waits until a dialog is open, stands still and has taken the focus. */
export async function inDialog(page: Page): Promise<void> {
  await page.getByRole('dialog').waitFor()
  await page.locator('[role=dialog] :focus').waitFor()
  await page.evaluate('Promise.allSettled(document.getAnimations().map((one) => one.finished))')
}

/** Chooses in a list that opens below a field. */
export async function choose(page: Page, field: string, option: string): Promise<void> {
  const marked = page.locator('[data-combobox-selected]')
  const isMarked = async () => (await marked.allInnerTexts()).join() === option
  // What was typed is searched for a moment later. The list that comes then begins anew, and a key that comes with it is lost: then
  // one tries again, as a person does.
  for (let tries = 0; tries < 5; tries++) {
    await tabTo(page, field)
    // What stands in a field that one option is chosen in goes first.
    await press(page, 'Control+a')
    await page.keyboard.type(option)
    await page.getByRole('option', { name: option, exact: true }).waitFor()
    for (let i = 0; i < 20 && !(await isMarked()); i++) await press(page, 'ArrowDown')
    await press(page, 'Enter')
    await quiet(page)
    if (await isTaken(page, option)) return
  }
  throw new Error(`${option} is not taken below ${field}\n${await whereItStands(page)}`)
}

/** Of many that are chosen what was typed goes; of one it stays, and the list closes. */
const isTaken = (page: Page, option: string) =>
  page.evaluate(`(() => {
    const field = document.activeElement
    if (field?.tagName !== 'INPUT' || field.value === '') return true
    return field.value === ${JSON.stringify(option)} && field.getAttribute('aria-expanded') !== 'true'
  })()`)

/** Presses a button that ends a dialog, which then goes. */
export async function enterAndClose(page: Page, button: string, dialog: Locator): Promise<void> {
  await enter(page, button)
  try {
    await dialog.waitFor({ state: 'hidden' })
  } catch (cause) {
    throw new Error(`${button} did not end the dialog\n${await whereItStands(page)}`, { cause })
  }
}

/** Goes from a tab to the one on its right, which then has the focus. */
export async function tabRight(page: Page, from: string): Promise<void> {
  // A dialog that goes gives the focus back, and what follows it is drawn meanwhile.
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await quiet(page)
  await tabTo(page, from)
  await press(page, 'ArrowRight')
  await page.locator('[role=tab][aria-selected=true]:focus').waitFor()
}

/** What to say of a page on which keys did not do what they should. */
export async function whereItStands(page: Page): Promise<string> {
  const active = await page.evaluate('document.activeElement?.outerHTML.slice(0, 300)')
  return `at ${page.url()}\nfocus: ${await focused(page)} ${active}\n${await page.locator('body').innerText()}`
}
