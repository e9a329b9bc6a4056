import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { quiet, untilTrue } from './browser.ts'

export type Theme = 'light' | 'dark'
export const themes: readonly Theme[] = ['light', 'dark']

/** Pictures are taken anew for the documentation where that is asked for: `npm run pictures`. */
const pictures = process.env.PICTURES === 'true' ? join(import.meta.dirname, '../../docs/pictures') : undefined
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// What runs in the page is given as text: the types here are those of Node.

/**
 * Waits until the page is quiet, takes its picture where pictures are asked for, and asks axe.
 *
 * @param picture false: this one is not for the documentation
 * @returns what axe found, a line each
 */
export async function look(page: Page, name: string, theme: Theme, picture = true): Promise<string[]> {
  await page.getByRole('heading', { level: 1 }).waitFor({ state: 'attached' })
  await quiet(page)
  await untilTrue(page, `document.querySelector('.mantine-Skeleton-root, .mantine-Loader-root') === null`)
  if (pictures && picture) await page.screenshot({ path: join(pictures, `${name}-${theme}.png`) })
  // By the debugger's way, which the page's policy does not bind.
  if (!(await page.evaluate(`'axe' in window`))) await page.evaluate(axeSource)
  const violations = await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => id + ': ' + html + ' ' + (any[0]?.message ?? ''))))`)
  return (violations as string[]).map((violation) => `${name}, ${theme}: ${violation}`)
}

/** As on a desk and on a telephone. */
export const widths = { wide: 1280, narrow: 390 } as const

/** Shows the page that is open in another theme or width, as it is when the reader's system or window changes. */
export async function show(
  page: Page,
  { theme, width }: { readonly theme?: Theme; readonly width?: number },
): Promise<void> {
  if (theme !== undefined) {
    await page.emulateMedia({ colorScheme: theme })
    // The sign-in pages follow by themselves and say nothing of it.
    await untilTrue(page, `(document.documentElement.dataset.mantineColorScheme ?? '${theme}') === '${theme}'`)
  }
  if (width !== undefined) await page.setViewportSize({ width, height: 800 })
}

/** Whether the page fits the screen's width: nobody scrolls sideways. */
export const fits = (page: Page) => page.evaluate('document.documentElement.scrollWidth <= innerWidth')

/** The accessible name of what has the focus, as far as it is its label or text. */
export const focused = (page: Page) =>
  page.evaluate(`(() => {
    const it = document.activeElement
    const text = it?.getAttribute('aria-label') ?? it?.labels?.[0]?.innerText ?? it?.innerText ?? ''
    return text.replace(/\\s*\\*$/, '').trim()
  })()`)

/** Presses Tab until something of this name has the focus. */
export async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let i = 0; i < 160; i++) {
    const now = String(await focused(page))
    if (typeof name === 'string' ? now === name : name.test(now)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} is not reached by Tab`)
}
