/** The list of events, of which only the rows in sight are in the document. */

import { copy, eachFrame, h, icon } from './dom.ts'
import type { Events, FeedEvent } from './events.ts'
import { fields, line, tree } from './json.ts'

/** Rows above and below those in sight. */
const SPARE = 6

const ACTIONS = new Set(['create', 'update', 'delete', 'resync', 'error', 'next'])

export class Feed {
  private readonly rows = new Map<number, HTMLElement>()
  /** The heights of the rows that are open, by event. */
  private readonly open = new Map<number, number>()
  private rowHeight = 34
  private seen = 0
  private active = -1
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
    for (const row of this.rows.values()) row.remove()
    this.rows.clear()
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
    const keep = new Set<number>()
    let y = offset(from)
    let spare = SPARE
    for (let row = from; row < length && spare > 0; row++) {
      const event = events.at(row)!
      this.place(event, y, row, length, keep)
      y += Math.max(this.rowHeight, this.open.get(event.n) ?? 0)
      if (y > bottom) spare--
    }
    // The row with the focus stays, or the focus would be lost.
    const focused = this.canvas.contains(document.activeElement) ? this.active : -1
    const focusedRow = focused < 0 || keep.has(focused) ? -1 : events.rowOf(focused)
    if (focusedRow >= 0) this.place(events.get(focused)!, offset(focusedRow), focusedRow, length, keep)
    for (const [n, element] of this.rows) {
      if (keep.has(n)) continue
      this.measure.unobserve(element)
      element.remove()
      this.rows.delete(n)
    }
    if (!keep.has(this.active)) {
      const first = events.at(Math.min(length - 1, Math.ceil(top / this.rowHeight)))
      if (first) this.activate(first.n)
    }
  }

  private place(event: FeedEvent, y: number, row: number, length: number, keep: Set<number>): void {
    keep.add(event.n)
    let element = this.rows.get(event.n)
    if (!element) {
      element = this.build(event)
      this.rows.set(event.n, element)
      this.canvas.append(element)
      if (this.open.has(event.n)) this.expand(event, element)
    }
    element.style.transform = `translateY(${y}px)`
    element.setAttribute('aria-posinset', String(row + 1))
    element.setAttribute('aria-setsize', String(length))
  }

  private activate(n: number): void {
    const before = this.rows.get(this.active)?.querySelector<HTMLElement>('.head')
    if (before) before.tabIndex = -1
    this.active = n
    const now = this.rows.get(n)?.querySelector<HTMLElement>('.head')
    if (now) now.tabIndex = 0
  }

  private build(event: FeedEvent): HTMLElement {
    const row = h('div.row', { role: 'listitem', 'data-n': event.n })
    const time = new Date(event.time)
    const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`
    if (event.kind === 'notice') {
      row.classList.add('notice')
      if (event.bad) row.classList.add('bad')
      row.append(h('div.head', null, h('span.time', null, clock), icon(event.bad ? 'warn' : 'info'), h('span.said', { title: event.data }, event.data)))
      return row
    }
    row.dataset.colour = String(event.subscription?.colour ?? 'none')
    const badge = h('span.badge', null, event.action || '?')
    badge.classList.add(ACTIONS.has(event.action) ? event.action : 'next')
    const preview = h('span.preview')
    if (event.action === 'resync') preview.append(h('span.said', null, 'Events may have been missed: load the data again.'))
    else preview.append(line(event.data, event.changed, fields(this.events.get(event.before)?.data)))
    const head = h(
      'button.head',
      { type: 'button', 'aria-expanded': 'false', tabindex: event.n === this.active ? 0 : -1, onclick: () => this.toggle(event) },
      h('span.time', null, clock),
      badge,
      h('span.stream', { title: event.stream }, event.stream),
      h('span.id', { title: event.id }, event.id === '' ? '–' : `#${event.id}`),
      preview,
      icon('chevron'),
    )
    head.addEventListener('focus', () => this.activate(event.n))
    row.append(head)
    return row
  }

  private toggle(event: FeedEvent): void {
    const element = this.rows.get(event.n)
    if (!element) return
    if (this.open.delete(event.n)) {
      this.measure.unobserve(element)
      element.querySelector('.detail')?.remove()
      element.querySelector('.head')?.setAttribute('aria-expanded', 'false')
      element.classList.remove('open')
    } else {
      this.open.set(event.n, this.rowHeight)
      this.expand(event, element)
    }
    this.draw()
  }

  private expand(event: FeedEvent, element: HTMLElement): void {
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
    element.append(h('div.detail', null, h('div.facts', null, h('span', null, facts.join(' · ')), button), body))
    element.classList.add('open')
    element.querySelector('.head')?.setAttribute('aria-expanded', 'true')
    this.measure.observe(element)
    this.open.set(event.n, element.offsetHeight)
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
    this.rows.get(event.n)?.querySelector<HTMLElement>('.head')?.focus({ preventScroll: true })
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

