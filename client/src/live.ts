/** The events as they come: the feed with its counters, its filter and its pause. */

import { $, paced, plural, text } from './dom.ts'
import { eventOf, Events, type FeedEvent } from './events.ts'
import { download, Feed } from './feed.ts'
import { Meter } from './meter.ts'
import type { Subscription } from './protocol/connection.ts'
import { remember, typed } from './store.ts'
import { toast } from './toast.ts'

interface Actions {
  /** All events were removed. */
  cleared(): void
  /** The feed shows what there is. */
  drawn(): void
}

export class Live {
  readonly events = new Events()
  readonly meter = new Meter()
  readonly feed: Feed
  private unread = 0
  private readonly drawSoon = paced(() => this.draw())

  constructor(private readonly actions: Actions) {
    this.feed = new Feed($('feed'), this.events, toast, (count) => this.showUnread(count))
    this.wireFilter()
    $('pause').addEventListener('click', () => this.pause(!this.events.paused))
    $('clear').addEventListener('click', () => this.clear())
    $('export').addEventListener('click', () => toast(`${plural(download(this.events), 'event')} exported.`))
    $('newer').addEventListener('click', () => this.feed.toTop())
    this.filter(typed.filter)
  }

  /** Draws soon what has changed; until then the feed says that it is behind. */
  refresh(): void {
    $('feed').ariaBusy = 'true'
    this.drawSoon()
  }

  add(subscription: Subscription | null, raw: string): FeedEvent {
    const event = this.events.add(eventOf(subscription, raw, Date.now()))
    this.meter.count(event.latency)
    this.refresh()
    return event
  }

  notice(sentence: string, bad = false): void {
    this.events.add({ time: Date.now(), kind: 'notice', bad, subscription: null, stream: '', action: '', id: '', model: '', data: sentence, raw: sentence, cursor: null, latency: null })
    this.refresh()
  }

  filter(value: string): void {
    const input = $<HTMLInputElement>('filter')
    if (input.value !== value) input.value = value
    remember('filter', value)
    this.events.filter(value)
    this.feed.reset()
    this.refresh()
  }

  private wireFilter(): void {
    const input = $<HTMLInputElement>('filter')
    const narrow = matchMedia('(max-width: 699px)')
    const hint = () => (input.placeholder = narrow.matches ? 'Filter' : 'Filter: hello action:update -id:7')
    narrow.addEventListener('change', hint)
    hint()
    let typing = 0
    input.addEventListener('input', () => {
      clearTimeout(typing)
      typing = window.setTimeout(() => this.filter(input.value), 120)
    })
  }

  private pause(paused: boolean): void {
    this.events.pause(paused)
    $('pause').setAttribute('aria-pressed', String(paused))
    $('pause-icon').setAttribute('href', paused ? '#i-play' : '#i-pause')
    this.refresh()
  }

  private clear(): void {
    this.events.clear()
    this.actions.cleared()
    this.feed.reset()
    this.refresh()
  }

  private showUnread(count: number): void {
    this.unread = count === 0 ? 0 : this.unread + count
    $('newer').hidden = this.unread === 0
    text($('newer-text'), plural(this.unread, 'newer event'))
  }

  private draw(): void {
    this.feed.render()
    const { length, total, filtered, dropped, received, paused, held } = this.events
    text($('total'), filtered ? `${length.toLocaleString('en')} of ${total.toLocaleString('en')}` : total === 0 ? '' : total.toLocaleString('en'))
    $('total').title = dropped > 0 ? `${plural(dropped, 'older event')} made room` : ''
    text($('nav-total'), received === 0 ? '' : short(received))
    text($('pause-text'), paused ? (held > 0 ? `Resume (${short(held)})` : 'Resume') : 'Pause')
    $('feed').ariaBusy = 'false'
    this.actions.drawn()
  }
}

function short(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact' }).format(count)
}
