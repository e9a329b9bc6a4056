import '@xterm/xterm/css/xterm.css'
import { FitAddon } from '@xterm/addon-fit'
import { type ITheme, Terminal } from '@xterm/xterm'

export type Screen = {
  readonly terminal: Terminal
  /** Fills the element anew, after that has changed. */
  fit(): void
  setTheme(): void
  dispose(): void
}

/**
 * A terminal's screen in an element.
 *
 * xterm.js draws with `<style>` elements and `style` attributes, which the policy without inline styles refuses. It lets its document be
 * replaced: this one gives it, in place of a style element, one whose text becomes a constructed stylesheet, and writes attributes as
 * properties. Both are scripts' own means, which the policy is not about; the policy stays as it is.
 */
export function createScreen(host: HTMLElement, options: { readonly screenReader: boolean }): Screen {
  const styles = documentWithoutInlineStyles()
  const terminal = new Terminal({
    documentOverride: styles.document,
    screenReaderMode: options.screenReader,
    fontFamily: token('--mantine-font-family-monospace'),
    fontSize: 13,
    scrollback: 5_000,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    minimumContrastRatio: 4.5,
    theme: themeOf(),
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.open(host)
  fit.fit()
  const watcher = new ResizeObserver(() => fit.fit())
  watcher.observe(host)
  return {
    terminal,
    fit: () => fit.fit(),
    setTheme() {
      terminal.options.theme = themeOf()
    },
    dispose() {
      watcher.disconnect()
      terminal.dispose()
      styles.dispose()
    },
  }
}

function documentWithoutInlineStyles(): { readonly document: Document; dispose(): void } {
  const sheets = new Set<CSSStyleSheet>()
  const drop = (sheet: CSSStyleSheet) => {
    sheets.delete(sheet)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
  }

  function styleElement(): HTMLElement {
    const sheet = new CSSStyleSheet()
    sheets.add(sheet)
    document.adoptedStyleSheets.push(sheet)
    const element = document.createElement('span')
    element.hidden = true
    let text = ''
    Object.defineProperty(element, 'textContent', {
      get: () => text,
      set(css: string) {
        text = css
        sheet.replaceSync(css)
      },
    })
    element.remove = () => {
      drop(sheet)
      Element.prototype.remove.call(element)
    }
    return element
  }

  function createElement(name: string): HTMLElement {
    if (name === 'style') return styleElement()
    const element = document.createElement(name)
    element.setAttribute = (attribute: string, value: string) => {
      if (attribute === 'style') element.style.cssText = value
      else Element.prototype.setAttribute.call(element, attribute, value)
    }
    return element
  }

  const replaced = new Proxy(document, {
    get(target, name) {
      if (name === 'createElement') return createElement
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    document: replaced,
    dispose() {
      for (const sheet of [...sheets]) drop(sheet)
    },
  }
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

/** The colours of the page; the sixteen of programs are xterm's own, held to a contrast that can be read. */
function themeOf(): ITheme {
  const [background, foreground, accent] = ['--console-surface', '--mantine-color-text', '--console-accent'].map(token)
  return {
    background: background ?? '',
    foreground: foreground ?? '',
    cursor: accent ?? '',
    cursorAccent: background ?? '',
    selectionBackground: token('--console-selection'),
  }
}
