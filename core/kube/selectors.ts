/**
 * Kubernetes' selector grammars, as far as request info depends on them: whether a label selector is valid at all, and
 * which `metadata.name` a field selector asks for.
 *
 * @see k8s.io/apimachinery/pkg/labels/selector.go, pkg/fields/selector.go (v0.36)
 */

export interface FieldTerm {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/** The terms in the order kube-apiserver holds them (sorted by bytes); `undefined` for an invalid selector. */
export function parseFieldSelector(selector: string): FieldTerm[] | undefined {
  const terms: FieldTerm[] = []
  for (const part of splitTerms(selector).sort(byBytes)) {
    if (part === '') continue
    const at = part.search(/!=|=/)
    if (at < 0) return undefined
    const operator = part[at] === '!' ? '!=' : '='
    const length = operator === '!=' || part[at + 1] === '=' ? 2 : 1
    const value = unescapeValue(part.slice(at + length))
    if (value === undefined) return undefined
    const field = part.slice(0, at)
    // A term without field and value asks for nothing; upstream drops it.
    if (field !== '' || value !== '') terms.push({ field, operator, value })
  }
  return terms
}

/** The value a selector requires of a field, if it requires one: the first term that says so. */
export function requiredValue(terms: readonly FieldTerm[], field: string): string | undefined {
  return terms.find((term) => term.operator === '=' && term.field === field)?.value
}

/** Commas separate, unless a backslash stands before them. */
function splitTerms(selector: string): string[] {
  const terms: string[] = []
  let start = 0
  let escaped = false
  for (let i = 0; i < selector.length; i++) {
    if (escaped) escaped = false
    else if (selector[i] === '\\') escaped = true
    else if (selector[i] === ',') {
      terms.push(selector.slice(start, i))
      start = i + 1
    }
  }
  terms.push(selector.slice(start))
  return terms
}

function unescapeValue(text: string): string | undefined {
  let value = ''
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (character === ',' || character === '=') return undefined
    if (character !== '\\') {
      value += character
      continue
    }
    const next = text[++i]
    if (next !== '\\' && next !== ',' && next !== '=') return undefined
    value += next
  }
  return value
}

/** Go sorts strings by their bytes, JavaScript by UTF-16 units; the two differ above U+D7FF. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

type Token = 'end' | 'identifier' | 'in' | 'notin' | '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '<' | '>'
interface Lexeme {
  readonly token: Token
  readonly text: string
}

const symbols = new Set<string>(['(', ')', ',', '!', '=', '==', '!=', '<', '>'])

/** Whether `labels.Parse` accepts it. */
export function isLabelSelector(selector: string): boolean {
  const lexemes = lex(selector)
  let at = 0
  /** `in` and `notin` are words like others wherever no operator can stand. */
  const asValue = ({ token }: Lexeme): Token => (token === 'in' || token === 'notin' ? 'identifier' : token)
  const peek = (): Token => asValue(lexemes[at]!) // the list closes with 'end', and nothing reads past it
  const next = (): Lexeme => lexemes[at++]!

  while (peek() !== 'end') {
    if (!requirement()) return false
    if (peek() === 'end') return true
    if (next().token !== ',') return false
    if (peek() !== 'identifier' && peek() !== '!') return false
  }
  return true

  function requirement(): boolean {
    const negated = peek() === '!'
    if (negated) at++
    if (peek() !== 'identifier') return false
    if (!isLabelKey(next().text)) return false
    if (negated || peek() === 'end' || peek() === ',') return true
    switch (next().token) {
      case 'in':
      case 'notin':
        return values()
      case '=':
      case '==':
      case '!=':
        return exactValue(isLabelValue)
      case '<':
      case '>':
        return exactValue((text) => isInt64(text) && isLabelValue(text))
      default:
        return false
    }
  }

  function exactValue(accepts: (text: string) => boolean): boolean {
    if (peek() === 'end' || peek() === ',') return accepts('')
    return peek() === 'identifier' && accepts(next().text)
  }

  /** `(a,b)`; both the list and each value may be empty. */
  function values(): boolean {
    if (next().token !== '(') return false
    for (;;) {
      if (peek() === ')') {
        at++
        return true
      }
      if (peek() === ',') {
        at++
        continue
      }
      if (peek() !== 'identifier' || !isLabelValue(next().text)) return false
      if (peek() !== ',' && peek() !== ')') return false
    }
  }
}

function lex(text: string): Lexeme[] {
  const lexemes: Lexeme[] = []
  const word = /[^ \t\r\n()=!,<>]+/y
  let at = 0
  while (at < text.length) {
    if (/[ \t\r\n]/.test(text[at]!)) {
      at++
    } else if (symbols.has(text[at]!)) {
      // The longest symbol wins: `==` and `!=` before `=` and `!`.
      const two = text.slice(at, at + 2)
      const symbol = symbols.has(two) ? two : text[at]!
      lexemes.push({ token: symbol as Token, text: symbol }) // every symbol is a token of its own name
      at += symbol.length
    } else {
      word.lastIndex = at
      const [identifier] = word.exec(text)! // at least the character that is neither blank nor symbol
      const isKeyword = identifier === 'in' || identifier === 'notin'
      lexemes.push({ token: isKeyword ? identifier : 'identifier', text: identifier })
      at += identifier.length
    }
  }
  lexemes.push({ token: 'end', text: '' })
  return lexemes
}

const labelName = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const dnsSubdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

function isLabelKey(key: string): boolean {
  const parts = key.split('/')
  if (parts.length > 2) return false
  const name = parts.at(-1)!
  const prefixIsGood = parts.length === 1 || (parts[0]!.length <= 253 && dnsSubdomain.test(parts[0]!))
  return prefixIsGood && name.length <= 63 && labelName.test(name)
}

function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= 63 && labelName.test(value))
}

/** Go's `strconv.ParseInt(text, 10, 64)` accepts it. */
export function isInt64(text: string): boolean {
  if (!/^[+-]?[0-9]+$/.test(text)) return false
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return value >= -(2n ** 63n) && value < 2n ** 63n
}
