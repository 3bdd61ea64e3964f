/** The events that came, and which of them are shown. */

import type { Subscription } from './protocol/connection.ts'
import { fields, string } from './json.ts'

export interface FeedEvent {
  /** Counts from zero and is never used again. */
  n: number
  time: number
  kind: 'event' | 'notice'
  bad: boolean
  subscription: Subscription | null
  stream: string
  action: string
  id: string
  model: string
  /** The JSON that is shown. */
  data: string
  /** All that came, as it came. */
  raw: string
  /** Where whoever has seen it goes on, with a change log. */
  cursor: string | null
  /** Milliseconds from the server's stamp to the arrival. */
  latency: number | null
  /** The fields that differ from the row's event before, and that event. */
  changed: string[] | undefined
  before: number
}

/** The oldest events make room when there are more than this, */
const MOST_EVENTS = 200_000
/** or when they have more characters than this. */
const MOST_CHARACTERS = 128_000_000
const MOST_ROWS = 50_000

type Term = { key: 'any' | 'stream' | 'action' | 'id' | 'sub'; value: string; not: boolean }

/** `hello stream:messages -action:delete "two words"` */
export function parseFilter(text: string): Term[] {
  const words = text.match(/-?(?:\w+:)?"[^"]*"?|\S+/g) ?? []
  return words.flatMap((word) => {
    const not = word.length > 1 && word.startsWith('-')
    const rest = not ? word.slice(1) : word
    const [, key, value] = /^(stream|action|id|sub):(.*)$/is.exec(rest) ?? [null, 'any', rest]
    const plain = (value ?? '').replaceAll('"', '').toLowerCase()
    return plain === '' ? [] : [{ key: key!.toLowerCase() as Term['key'], value: plain, not }]
  })
}

export function matches(event: FeedEvent, terms: Term[]): boolean {
  return terms.every(({ key, value, not }) => {
    const found =
      key === 'any'
        ? event.raw.toLowerCase().includes(value) || event.stream.toLowerCase().includes(value) || event.action.includes(value)
        : key === 'stream'
          ? event.stream.toLowerCase().includes(value)
          : key === 'action'
            ? event.action === value
            : key === 'id'
              ? event.id.toLowerCase() === value
              : (event.subscription?.title.toLowerCase().includes(value) ?? false)
    return found !== not
  })
}

export class Events {
  private all: FeedEvent[] = []
  private first = 0
  private next = 0
  private characters = 0
  private rows = new Map<string, number>()
  private terms: Term[] = []
  /** The matching events by number, oldest first; `null` while nothing is filtered. */
  private matched: number[] | null = null
  /** While paused, events from this number on wait. */
  private until: number | null = null
  /** Events that had to make room. */
  dropped = 0
  /** Events that came since the last `clear`, notices apart. */
  received = 0

  add(event: Omit<FeedEvent, 'n' | 'changed' | 'before'>): FeedEvent {
    const whole: FeedEvent = { ...event, n: this.next++, changed: undefined, before: -1 }
    if (event.kind === 'event') {
      this.received++
      this.compare(whole)
    }
    this.all.push(whole)
    this.characters += whole.raw.length
    if (this.matched && matches(whole, this.terms)) this.matched.push(whole.n)
    if (this.all.length > MOST_EVENTS || this.characters > MOST_CHARACTERS) this.trim()
    return whole
  }

  /** Finds what an update changed, where an earlier event told of the row. */
  private compare(event: FeedEvent): void {
    if (event.id === '') return
    const row = `${event.stream}\n${event.id}`
    const before = this.get(this.rows.get(row) ?? -1)
    if (event.action === 'update' && before) {
      const old = fields(before.data)
      const now = fields(event.data)
      if (old && now) {
        const changed = [...now].filter(([name, value]) => old.has(name) && old.get(name) !== value).map(([name]) => name)
        if (changed.length > 0) {
          event.changed = changed
          event.before = before.n
        } else if ([...now.keys()].join() === [...old.keys()].join()) {
          // The same change for another subscription: it changed what it changed for the first.
          event.changed = before.action === 'update' && before.raw === event.raw ? before.changed : undefined
          event.before = event.changed ? before.before : -1
        }
      }
    }
    if (event.action === 'delete' || event.action === 'leave') this.rows.delete(row)
    else {
      this.rows.delete(row)
      this.rows.set(row, event.n)
      if (this.rows.size > MOST_ROWS) this.rows.delete(this.rows.keys().next().value!)
    }
  }

  private trim(): void {
    let gone = 0
    while (gone < this.all.length && (this.all.length - gone > MOST_EVENTS * 0.9 || this.characters > MOST_CHARACTERS * 0.9)) {
      this.characters -= this.all[gone++]!.raw.length
    }
    this.all.splice(0, gone)
    this.first += gone
    this.dropped += gone
    if (this.matched) this.matched.splice(0, lowerBound(this.matched, this.first))
  }

  get(n: number): FeedEvent | undefined {
    return this.all[n - this.first]
  }

  clear(): void {
    this.first = this.next
    this.all = []
    this.characters = 0
    this.rows.clear()
    this.dropped = 0
    this.received = 0
    if (this.matched) this.matched = []
    if (this.until !== null) this.until = this.next
  }

  get total(): number {
    return this.all.length
  }

  get filtered(): boolean {
    return this.matched !== null
  }

  filter(text: string): void {
    this.terms = parseFilter(text)
    this.matched = null
    if (this.terms.length > 0) {
      this.matched = []
      for (const event of this.all) if (matches(event, this.terms)) this.matched.push(event.n)
    }
  }

  pause(paused: boolean): void {
    this.until = paused ? this.next : null
  }

  get paused(): boolean {
    return this.until !== null
  }

  /** Events that came since the pause. */
  get held(): number {
    return this.until === null ? 0 : this.next - Math.max(this.until, this.first)
  }

  /** How many events are shown. */
  get length(): number {
    const end = this.until ?? this.next
    if (this.matched) return this.until === null ? this.matched.length : lowerBound(this.matched, end)
    return Math.max(0, end - this.first)
  }

  /** The event in a row, the newest in row 0. */
  at(row: number): FeedEvent | undefined {
    const index = this.length - 1 - row
    if (index < 0) return undefined
    return this.matched ? this.get(this.matched[index]!) : this.all[index]
  }

  /** The row of an event, -1 if it is not shown. */
  rowOf(n: number): number {
    const { length } = this
    if (!this.matched) {
      const index = n - this.first
      return index < 0 || index >= length ? -1 : length - 1 - index
    }
    const index = lowerBound(this.matched, n)
    return index < length && this.matched[index] === n ? length - 1 - index : -1
  }

  *shown(): Generator<FeedEvent> {
    for (let row = 0; row < this.length; row++) yield this.at(row)!
  }
}

function lowerBound(sorted: number[], value: number): number {
  let from = 0
  let to = sorted.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle]! < value) from = middle + 1
    else to = middle
  }
  return from
}

/** An event of what came for a subscription. */
export function eventOf(subscription: Subscription | null, raw: string, now: number): Omit<FeedEvent, 'n' | 'changed' | 'before'> {
  const frame = fields(raw)
  const base = { time: now, kind: 'event' as const, bad: false, subscription, raw, model: '', cursor: null as string | null }
  if (frame?.has('stream')) {
    const payload = fields(frame.get('payload'))
    const data = payload?.get('data')
    const cursor = payload?.get('cursor')
    if (cursor !== undefined) base.cursor = string(cursor)
    return {
      ...base,
      stream: string(frame.get('stream')),
      action: string(payload?.get('action')).toLowerCase(),
      model: string(payload?.get('model')),
      id: idOf(fields(data)),
      data: data ?? frame.get('payload') ?? raw,
      latency: latency(now, payload, frame),
    }
  }
  // A result of the standard protocols.
  const data = fields(frame?.get('data'))
  const extensions = fields(frame?.get('extensions'))
  const cursor = fields(extensions?.get('graphex'))?.get('cursor')
  if (cursor !== undefined) base.cursor = string(cursor)
  const [key, value] = data ? ([...data][0] ?? []) : []
  const change = fields(value)
  const errors = frame?.get('errors')
  if (errors !== undefined && (value === undefined || value === 'null')) {
    return { ...base, bad: true, stream: subscription?.operation.field ?? '', action: 'error', id: '', data: errors, latency: null }
  }
  const action = change?.get('action')
  const inner = change?.get('data')
  return {
    ...base,
    stream: subscription?.operation.field ?? key ?? '',
    action: action === undefined ? 'next' : string(action).toLowerCase(),
    model: string(change?.get('model')),
    id: change?.has('id') ? idOf(change) : idOf(fields(inner)),
    data: inner !== undefined && inner !== 'null' && fields(inner) ? inner : (value ?? frame?.get('data') ?? raw),
    latency: latency(now, extensions, change),
  }
}

function idOf(data: Map<string, string> | null): string {
  if (!data) return ''
  if (data.has('id')) return data.get('id') === 'null' ? '' : string(data.get('id'))
  return data.size === 1 ? string([...data.values()][0]) : ''
}

const STAMPS = ['sent_at', 'sentAt', 'published_at', 'publishedAt', 'timestamp']

/** The time since the server's stamp, where there is one and the clocks agree. */
function latency(now: number, ...places: (Map<string, string> | null | undefined)[]): number | null {
  for (const place of places) {
    for (const name of STAMPS) {
      const stamp = place?.get(name)
      if (stamp === undefined) continue
      const value = string(stamp)
      const number = Number(value)
      const sent = Number.isFinite(number) ? (number < 1e11 ? number * 1000 : number) : Date.parse(value)
      const took = now - sent
      if (Number.isFinite(took) && took > -1000 && took < 3_600_000) return Math.max(0, took)
    }
  }
  return null
}
