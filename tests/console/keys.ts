import type { Page } from 'playwright-core'
import { tabTo } from './look.ts'

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

/** Waits until a dialog is open and has taken the focus. */
export async function inDialog(page: Page): Promise<void> {
  await page.getByRole('dialog').waitFor()
  await page.locator('[role=dialog] :focus').waitFor()
}

/** Chooses in a list that opens below a field. */
export async function choose(page: Page, field: string, option: string): Promise<void> {
  await tabTo(page, field)
  // What stands in a field that one option is chosen in goes first.
  await press(page, 'Control+a')
  await page.keyboard.type(option)
  await page.getByRole('option', { name: option, exact: true }).waitFor()
  const marked = page.locator('[data-combobox-selected]')
  for (let i = 0; i < 20 && (await marked.allInnerTexts()).join() !== option; i++) await press(page, 'ArrowDown')
  await press(page, 'Enter')
}
