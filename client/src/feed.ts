/** The list of events, of which only the rows in sight are in the document. */

import { copy, eachFrame, h, icon, text } from './dom.ts'
import type { Events, FeedEvent } from './events.ts'
import { fields, line, tree } from './json.ts'

/** Rows above and below those in sight. */
const SPARE = 6

/** When more rows than this are filled, soon after others, nobody reads them: colours wait until
 * they stay. */
const RUSH = 12
const RECENT = 1_000
const CALM = 200

const ACTIONS = new Set(['create', 'update', 'delete', 'enter', 'leave', 'snapshot', 'ready', 'resync', 'error', 'next'])

/** What is said of an event that is of no row. */
const SAID: Record<string, string> = {
  resync: 'Events may have been missed: load the data again.',
  ready: 'The subscription stands.',
}

interface Row {
  event: FeedEvent | null
  element: HTMLElement
  head: HTMLButtonElement
  time: HTMLElement
  badge: HTMLElement
  stream: HTMLElement
  id: HTMLElement
  preview: HTMLElement
  detail: HTMLElement | null
}

export class Feed {
  private readonly rows = new Map<number, Row>()
  /** The heights of the rows that are open, by event. */
  private readonly open = new Map<number, number>()
  private rowHeight = 34
  private seen = 0
  private active = -1
  /** The rows in sight whose text has no colours yet. */
  private readonly plain = new Set<number>()
  private calm = 0
  /** When rows were filled last. */
  private rushed = 0
  private readonly canvas: HTMLElement
  private readonly measure: ResizeObserver
  readonly draw: () => void

  constructor(
    private readonly scroller: HTMLElement,
    private readonly events: Events,
    private readonly say: (text: string) => void,
    private readonly onNew: (count: number) => void,
  ) {
    this.canvas = h('div.rows', { role: 'list', 'aria-label': 'Events, newest first' })
    scroller.append(this.canvas)
    this.draw = eachFrame(() => this.render())
    this.measure = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const n = Number((target as HTMLElement).dataset.n)
        if (this.open.has(n)) this.open.set(n, (target as HTMLElement).offsetHeight)
      }
      this.draw()
    })
    scroller.addEventListener('scroll', () => this.draw(), { passive: true })
    scroller.addEventListener('keydown', (event) => this.key(event))
    new ResizeObserver(() => {
      const height = scroller.clientWidth < 560 ? 58 : 34
      if (height !== this.rowHeight) {
        this.rowHeight = height
        scroller.classList.toggle('two-lines', height === 58)
      }
      this.draw()
    }).observe(scroller)
  }

  /** Forgets what is open and where the list is, as after a clear or another filter. */
  reset(): void {
    this.open.clear()
    for (const row of this.rows.values()) {
      this.close(row)
      row.element.remove()
    }
    this.rows.clear()
    this.plain.clear()
    this.seen = this.events.length
    this.scroller.scrollTop = 0
    this.onNew(0)
    this.draw()
  }

  toTop(): void {
    this.scroller.scrollTop = 0
    this.draw()
  }

  private openRows(): { row: number; n: number; extra: number }[] {
    const found = []
    for (const [n, height] of this.open) {
      const row = this.events.rowOf(n)
      if (row >= 0) found.push({ row, n, extra: Math.max(0, height - this.rowHeight) })
    }
    return found.sort((a, b) => a.row - b.row)
  }

  render(): void {
    const { events, scroller } = this
    const { length } = events
    const added = length - this.seen
    this.seen = length
    // Who reads further down keeps the place while newer rows come in above.
    if (added > 0 && scroller.scrollTop > 4) {
      scroller.scrollTop += added * this.rowHeight
      this.onNew(added)
    }
    if (scroller.scrollTop <= 4) this.onNew(0)
    const open = this.openRows()
    const height = length * this.rowHeight + open.reduce((sum, { extra }) => sum + extra, 0)
    this.canvas.style.height = `${height}px`
    const top = scroller.scrollTop
    const bottom = top + scroller.clientHeight
    const offset = (row: number) => row * this.rowHeight + open.reduce((sum, one) => sum + (one.row < row ? one.extra : 0), 0)
    let from = Math.max(0, Math.floor(top / this.rowHeight))
    while (from > 0 && offset(from) > top) from -= Math.max(1, Math.floor((offset(from) - top) / this.rowHeight))
    from = Math.max(0, from - SPARE)
    const wanted = new Map<FeedEvent, { row: number; y: number }>()
    let y = offset(from)
    let spare = SPARE
    for (let row = from; row < length && spare > 0; row++) {
      const event = events.at(row)!
      wanted.set(event, { row, y })
      y += Math.max(this.rowHeight, this.open.get(event.n) ?? 0)
      if (y > bottom) spare--
    }
    // The row with the focus stays, or the focus would be lost.
    const focused = this.canvas.contains(document.activeElement) ? events.get(this.active) : undefined
    const row = focused ? events.rowOf(focused.n) : -1
    if (focused && row >= 0 && !wanted.has(focused)) wanted.set(focused, { row, y: offset(row) })
    this.show(wanted, length)
    const active = events.get(this.active)
    if (!active || !wanted.has(active)) {
      const first = events.at(Math.min(length - 1, Math.ceil(top / this.rowHeight)))
      if (first) this.activate(first.n)
    }
  }

  /** Puts these rows where they belong; those that nobody needs are filled anew. */
  private show(wanted: Map<FeedEvent, { row: number; y: number }>, length: number): void {
    const numbers = new Set([...wanted.keys()].map(({ n }) => n))
    const free: Row[] = []
    for (const [n, row] of this.rows) {
      if (numbers.has(n)) continue
      this.close(row)
      this.rows.delete(n)
      this.plain.delete(n)
      free.push(row)
    }
    const now = performance.now()
    const filled = [...numbers].filter((n) => !this.rows.has(n)).length
    const rush = filled > RUSH && now - this.rushed < RECENT
    for (const [event, { row: position, y }] of wanted) {
      let row = this.rows.get(event.n)
      if (!row) {
        row = free.pop() ?? this.create()
        this.rows.set(event.n, row)
        this.fill(row, event, rush)
        if (this.open.has(event.n)) this.expand(event, row)
      }
      row.element.style.transform = `translateY(${y}px)`
      row.element.setAttribute('aria-posinset', String(position + 1))
      row.element.setAttribute('aria-setsize', String(length))
    }
    for (const { element } of free) element.remove()
    if (filled > 0) this.rushed = now
    this.colour(rush)
  }

  /** Gives the rows in sight their colours, at once or when the rush is over. */
  private colour(later: boolean): void {
    clearTimeout(this.calm)
    if (this.plain.size === 0) return
    if (later) {
      this.calm = window.setTimeout(() => this.colour(false), CALM)
      return
    }
    for (const n of this.plain) {
      const event = this.events.get(n)
      if (event) this.rows.get(n)?.preview.replaceChildren(this.preview(event))
    }
    this.plain.clear()
  }

  private preview(event: FeedEvent): DocumentFragment {
    return line(event.data, event.changed, fields(this.events.get(event.before)?.data))
  }

  private activate(n: number): void {
    const before = this.rows.get(this.active)
    if (before) before.head.tabIndex = -1
    this.active = n
    const now = this.rows.get(n)
    if (now) now.head.tabIndex = 0
  }

  private create(): Row {
    const [time, badge, stream, id, preview] = [h('span.time'), h('span.badge'), h('span.stream'), h('span.id'), h('span.preview')]
    const head = h('button.head', { type: 'button' }, time, badge, stream, id, preview)
    const element = h('div.row', { role: 'listitem' }, head)
    const row: Row = { event: null, element, head, time, badge, stream, id, preview, detail: null }
    head.addEventListener('click', () => this.toggle(row))
    head.addEventListener('focus', () => row.event && this.activate(row.event.n))
    this.canvas.append(element)
    return row
  }

  private fill(row: Row, event: FeedEvent, rush: boolean): void {
    row.event = event
    row.element.dataset.n = String(event.n)
    row.head.tabIndex = event.n === this.active ? 0 : -1
    const time = new Date(event.time)
    text(row.time, `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`)
    const isNotice = event.kind === 'notice'
    row.element.className = isNotice ? `row notice${event.bad ? ' bad' : ''}` : 'row'
    if (isNotice) {
      delete row.element.dataset.colour
      row.head.removeAttribute('aria-expanded')
      text(row.badge, event.bad ? 'warning' : 'note')
      row.badge.className = 'badge'
      text(row.stream, '')
      text(row.id, '')
      row.preview.replaceChildren(h('span.said', { title: event.data }, event.data))
      return
    }
    row.element.dataset.colour = String(event.subscription?.colour ?? 'none')
    row.head.setAttribute('aria-expanded', 'false')
    text(row.badge, event.action || '?')
    row.badge.className = `badge ${ACTIONS.has(event.action) ? event.action : 'next'}`
    text(row.stream, event.stream)
    text(row.id, event.id === '' ? '–' : `#${event.id}`)
    const said = SAID[event.action]
    if (said) row.preview.replaceChildren(h('span.said', null, said))
    else if (rush) {
      text(row.preview, event.data.slice(0, 160))
      this.plain.add(event.n)
    } else row.preview.replaceChildren(this.preview(event))
  }

  private close(row: Row): void {
    if (!row.detail) return
    this.measure.unobserve(row.element)
    row.detail.remove()
    row.detail = null
    row.element.classList.remove('open')
    row.head.setAttribute('aria-expanded', 'false')
  }

  private toggle(row: Row): void {
    const { event } = row
    if (!event || event.kind === 'notice') return
    if (this.open.delete(event.n)) this.close(row)
    else {
      this.open.set(event.n, this.rowHeight)
      this.expand(event, row)
    }
    this.draw()
  }

  private expand(event: FeedEvent, row: Row): void {
    const before = this.events.get(event.before)
    const facts = [
      event.subscription?.title,
      event.model,
      event.latency === null ? '' : `${Math.round(event.latency)} ms after the server's stamp`,
      event.raw.length > 10_000 ? `${event.raw.length.toLocaleString('en')} characters` : '',
    ].filter(Boolean)
    const body = h('div.body', { tabindex: 0, role: 'group', 'aria-label': 'The event as JSON' }, tree(event.data, event.changed, fields(before?.data)))
    const button = h(
      'button.quiet.small',
      {
        type: 'button',
        onclick: async () => this.say((await copy(event.raw)) ? 'Copied.' : 'The browser did not allow to copy.'),
      },
      icon('copy'),
      'Copy',
    )
    row.detail = h('div.detail', null, h('div.facts', null, h('span', null, facts.join(' · ')), button), body)
    row.element.append(row.detail)
    row.element.classList.add('open')
    row.head.setAttribute('aria-expanded', 'true')
    this.measure.observe(row.element)
    this.open.set(event.n, row.element.offsetHeight)
  }

  private key(event: KeyboardEvent): void {
    if (!(event.target as HTMLElement).classList.contains('head')) return
    const row = this.events.rowOf(this.active)
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight) - 1)
    const step: Record<string, number> = {
      ArrowDown: row + 1,
      ArrowUp: row - 1,
      PageDown: row + page,
      PageUp: row - page,
      Home: 0,
      End: this.events.length - 1,
    }
    const to = step[event.key]
    if (to === undefined || row < 0) return
    event.preventDefault()
    this.focus(Math.min(Math.max(0, to), this.events.length - 1))
  }

  private focus(row: number): void {
    const event = this.events.at(row)
    if (!event) return
    const top = row * this.rowHeight + this.openRows().reduce((sum, one) => sum + (one.row < row ? one.extra : 0), 0)
    const { scroller } = this
    if (top < scroller.scrollTop) scroller.scrollTop = top
    else if (top + this.rowHeight > scroller.scrollTop + scroller.clientHeight) {
      scroller.scrollTop = top + this.rowHeight - scroller.clientHeight
    }
    this.render()
    this.activate(event.n)
    this.rows.get(event.n)?.head.focus({ preventScroll: true })
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** The shown events as a file. */
export function download(events: Events): number {
  const parts: string[] = ['[']
  let count = 0
  for (const event of events.shown()) {
    if (event.kind !== 'event') continue
    const head = {
      time: new Date(event.time).toISOString(),
      subscription: event.subscription?.title ?? null,
      stream: event.stream,
      action: event.action,
      id: event.id,
    }
    // What came goes into the file as it came: numbers keep all their digits.
    parts.push(`${count++ === 0 ? '\n' : ',\n'}${JSON.stringify(head).slice(0, -1)},"received":${event.raw}}`)
  }
  parts.push('\n]\n')
  const url = URL.createObjectURL(new Blob(parts, { type: 'application/json' }))
  const link = h('a', { href: url, download: `events-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.json` })
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
  return count
}

