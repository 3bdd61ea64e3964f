/** Events per second over the last minute, and how long changes take to arrive. */

import { $, text } from './dom.ts'

const SECONDS = 60
const WIDTH = 120
const HEIGHT = 28

export class Meter {
  private readonly counts = new Array<number>(SECONDS).fill(0)
  private second = Math.floor(Date.now() / 1000)
  private stamped: number[] = []
  private own: number[] = []
  private sent = 0
  private drawn = ''

  constructor() {
    setInterval(() => this.draw(), 500)
  }

  private advance(): void {
    const now = Math.floor(Date.now() / 1000)
    const steps = Math.min(SECONDS, now - this.second)
    for (let step = 0; step < steps; step++) {
      this.counts.shift()
      this.counts.push(0)
    }
    this.second = now
  }

  /** An event came. */
  count(latency: number | null): void {
    this.advance()
    this.counts[SECONDS - 1]! += 1
    if (latency !== null) keep(this.stamped, latency)
    if (this.sent > 0) {
      const took = performance.now() - this.sent
      if (took < 5_000) keep(this.own, took)
      this.sent = 0
    }
  }

  /** A change was sent from this page: the next event is taken for its echo. */
  changeSent(): void {
    this.sent = performance.now()
  }

  private draw(): void {
    if (document.hidden) return
    this.advance()
    // The second that still runs would always look like a fall.
    const done = this.counts.slice(0, -1)
    const peak = Math.max(...done, this.counts[SECONDS - 1]!)
    const top = Math.max(peak, 4)
    const x = (index: number) => (index / (done.length - 1)) * WIDTH
    const y = (count: number) => HEIGHT - 2 - (count / top) * (HEIGHT - 5)
    const points = done.map((count, index) => `${x(index).toFixed(1)} ${y(count).toFixed(1)}`)
    const path = `M${points.join('L')}`
    if (path !== this.drawn) {
      this.drawn = path
      $('spark-line').setAttribute('d', path)
      $('spark-area').setAttribute('d', `${path}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`)
    }
    const rate = Math.max(done.at(-1)!, 0)
    text($('rate'), `${rate.toLocaleString('en')}/s`)
    text($('peak'), `peak ${peak.toLocaleString('en')}/s`)
    $('spark').setAttribute('aria-label', `${rate} events per second, at most ${peak} in the last minute`)
    const measured = this.stamped.length > 0 ? this.stamped : this.own
    const label = this.stamped.length > 0 ? 'sent to arrival' : 'change to event'
    text($('latency'), measured.length === 0 ? '' : `${format(median(measured))} ${label}`)
  }
}

function keep(list: number[], value: number): void {
  list.push(value)
  if (list.length > 50) list.shift()
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1]!
}

function format(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  return `${(milliseconds / 1000).toFixed(1)} s`
}
