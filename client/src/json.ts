/**
 * Reads JSON as text, without parsing it into values: numbers keep all their digits, and
 * neither depth nor size can break the page.
 */

import { h } from './dom.ts'

type Kind = 'key' | 'string' | 'number' | 'word' | 'open' | 'close' | 'comma' | 'colon'

interface Token {
  kind: Kind
  from: number
  to: number
  depth: number
}

/** Where the string that begins at `from` ends. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  for (;;) {
    at = text.indexOf('"', at)
    if (at < 0) return text.length
    let slashes = 0
    while (text[at - 1 - slashes] === '\\') slashes++
    at++
    if (slashes % 2 === 0) return at
  }
}

/** The tokens that begin before `end`. */
function* tokens(text: string, end = text.length): Generator<Token> {
  end = Math.min(end, text.length)
  let at = 0
  let depth = 0
  while (at < end) {
    const char = text[at]!
    const from = at
    if (char === '"') {
      at = endOfString(text, at)
      let next = at
      while (next < text.length && ' \n\r\t'.includes(text[next]!)) next++
      yield { kind: text[next] === ':' ? 'key' : 'string', from, to: at, depth }
    } else if (char === '{' || char === '[') {
      at++
      yield { kind: 'open', from, to: at, depth: depth++ }
    } else if (char === '}' || char === ']') {
      at++
      yield { kind: 'close', from, to: at, depth: --depth }
    } else if (char === ',' || char === ':') {
      at++
      yield { kind: char === ',' ? 'comma' : 'colon', from, to: at, depth }
    } else if (' \n\r\t'.includes(char)) {
      at++
    } else {
      while (at < text.length && !' \n\r\t,:{}[]"'.includes(text[at]!)) at++
      if (at === from) at++
      yield { kind: /[-0-9]/.test(char) ? 'number' : 'word', from, to: at, depth }
    }
  }
}

/** The fields of a JSON object, each with its value as it was written. `null` for no object. */
export function fields(text: string | undefined): Map<string, string> | null {
  if (text === undefined) return null
  const found = new Map<string, string>()
  let key: string | null = null
  let start = -1
  let first = true
  for (const { kind, from, to, depth } of tokens(text)) {
    if (first) {
      if (kind !== 'open' || text[from] !== '{') return null
      first = false
      continue
    }
    if (depth > 1) continue
    if (depth === 1 && kind === 'key') {
      key = string(text.slice(from, to))
      start = -1
    } else if (key !== null && kind !== 'colon' && kind !== 'comma' && depth === 1) {
      if (start < 0) start = from
      if (kind !== 'open') {
        found.set(key, text.slice(start, to))
        key = null
      }
    } else if (depth === 0 && kind === 'close') {
      return found
    }
  }
  return null
}

/** A JSON string's value; anything else as it is written. */
export function string(text: string | undefined): string {
  if (text === undefined) return ''
  if (text[0] !== '"') return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** No line of the page is longer than this: a browser would lay it out for seconds. */
const LONGEST = 2_000

const classes: Record<Kind, string> = {
  key: 'j-key',
  string: 'j-string',
  number: 'j-number',
  word: 'j-word',
  open: 'j-mark',
  close: 'j-mark',
  comma: 'j-mark',
  colon: 'j-mark',
}

function piece(text: string, { kind, from, to }: Token, longest: number): HTMLElement {
  const whole = to - from
  const shown = whole > longest ? `${text.slice(from, from + longest)}…` : text.slice(from, to)
  const element = h(`span.${classes[kind]}` as 'span', null, shown)
  if (whole > longest) element.title = `${whole.toLocaleString('en')} characters`
  return element
}

/** One line: the fields of an object without its braces, as much as fits. */
export function line(text: string, changed: string[] | undefined, before: Map<string, string> | null): DocumentFragment {
  const fragment = document.createDocumentFragment()
  const all = fields(text)
  if (all === null) {
    inline(fragment, text, 300)
    return fragment
  }
  let room = 180
  // The key has a place of its own in the row.
  const names = [...all.keys()].filter((name) => name !== 'id' || all.size === 1)
  // What changed comes first.
  const order = changed ? [...changed, ...names.filter((name) => !changed.includes(name))] : names
  for (const name of order) {
    if (room <= 0) break
    const value = all.get(name) ?? ''
    const part = h('span.pair')
    part.append(h('span.j-key', null, name), ': ')
    if (changed?.includes(name)) {
      part.classList.add('changed')
      const old = before?.get(name)
      if (old !== undefined) {
        const was = h('span.was')
        inline(was, old, 40)
        part.append(was, h('span.arrow', null, ' → '))
        room -= Math.min(old.length, 40)
      }
    }
    inline(part, value, Math.min(room, 160))
    room -= name.length + Math.min(value.length, 160) + 2
    fragment.append(part)
  }
  return fragment
}

function inline(target: ParentNode, text: string, room: number): void {
  let left = room
  for (const token of tokens(text, room)) {
    if (left <= 0) break
    target.append(piece(text, token, Math.max(left, 8)))
    if (token.kind === 'colon' || token.kind === 'comma') target.append(' ')
    left -= token.to - token.from
  }
  if (left <= 0 && text.length > room) target.append('…')
}

/** Lines shown of one event; the rest is there to copy and to export. */
const MOST_LINES = 1_000
/** Deeper levels are not indented any further. */
const DEEPEST = 24

/** The whole document, a line per value, as elements. */
export function tree(text: string, changed: string[] | undefined, before: Map<string, string> | null): HTMLElement {
  const pre = h('pre.json')
  let row = h('span.line')
  let lines = 1
  let empty = false
  let previous: Kind | null = null
  const breakLine = (depth: number): void => {
    pre.append(row, '\n')
    row = h('span.line')
    row.append('  '.repeat(Math.min(depth, DEEPEST)))
    lines++
  }
  const all = [...limited(tokens(text), MOST_LINES * 12)]
  for (const [index, token] of all.entries()) {
    if (lines > MOST_LINES) break
    empty = token.kind === 'close' && previous === 'open'
    if (token.kind === 'close' && !empty) breakLine(token.depth)
    else if (previous === 'comma') breakLine(token.depth)
    else if (previous === 'open' && !empty) breakLine(token.depth)
    row.append(piece(text, token, LONGEST))
    if (token.kind === 'colon') row.append(' ')
    if (token.kind === 'key' && token.depth === 1) {
      const name = string(text.slice(token.from, token.to))
      if (changed?.includes(name)) {
        row.classList.add('changed')
        const old = before?.get(name)
        if (old !== undefined) {
          row.dataset.was = `was ${old.length > 120 ? `${old.slice(0, 120)}…` : old}`
        }
      }
    }
    previous = token.kind
    if (index === all.length - 1) break
  }
  pre.append(row)
  const shown = all.at(-1)?.to ?? 0
  if (lines > MOST_LINES || shown < text.trimEnd().length) {
    pre.append(h('span.line.more', null, '\n… the rest is in the copy and in the export'))
  }
  return pre
}

function* limited<T>(all: Iterable<T>, most: number): Generator<T> {
  let count = 0
  for (const one of all) {
    if (count++ >= most) return
    yield one
  }
}
