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
 * xterm.js draws with `<style>` elements, which it makes when it opens, and with `style` attributes of spans. The policy without inline
 * styles refuses both. In place of the elements it gets some whose text becomes a constructed stylesheet, and the attributes are written
 * as properties: means of scripts, which the policy is not about. The policy stays as it is.
 */
export function createScreen(host: HTMLElement, options: { readonly screenReader: boolean }): Screen {
  const styles = stylesWithoutElements()
  const terminal = new Terminal({
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
  styles.during(() => terminal.open(host))
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

type Styles = {
  /** What is made meanwhile gets its styles in the other way. */
  during(work: () => void): void
  dispose(): void
}

/** Open terminals: while there is one, a style attribute that a span is given is written as its property. */
let open = 0

function stylesWithoutElements(): Styles {
  const sheets = new Set<CSSStyleSheet>()
  const drop = (sheet: CSSStyleSheet) => {
    sheets.delete(sheet)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet)
  }

  /** Looks like a style element to who fills it, and is none. */
  function styleElement(): HTMLElement {
    const sheet = new CSSStyleSheet()
    sheets.add(sheet)
    document.adoptedStyleSheets.push(sheet)
    const element = Document.prototype.createElement.call(document, 'span')
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

  if (open++ === 0)
    HTMLSpanElement.prototype.setAttribute = function (name: string, value: string) {
      if (name === 'style') this.style.cssText = value
      else Element.prototype.setAttribute.call(this, name, value)
    }
  return {
    during(work) {
      const createElement = (name: string) =>
        name === 'style' ? styleElement() : Document.prototype.createElement.call(document, name)
      Object.defineProperty(document, 'createElement', { configurable: true, value: createElement })
      try {
        work()
      } finally {
        // What was there before is the prototype's.
        Reflect.deleteProperty(document, 'createElement')
      }
    },
    dispose() {
      for (const sheet of [...sheets]) drop(sheet)
      if (--open === 0) Reflect.deleteProperty(HTMLSpanElement.prototype, 'setAttribute')
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
