/** GraphQL over SSE in its distinct connections mode: a stream of its own for each subscription. */

import { request } from '../document.ts'
import { fields } from '../json.ts'
import { type Connection, delayOf, firstError, type Host, operationOf, type State, type Subscription } from './connection.ts'

/** Over HTTP/1.1 a browser opens six connections to a host, and one must be left for requests. */
const MOST_STREAMS = 5

interface Running {
  abort: AbortController
  attempt: number
  timer: number
  opened: boolean
  /** Errors without data that came first: a refusal, if the stream then ends. */
  refusal: string | null
}

export class Sse implements Connection {
  state: State = { name: 'off' }
  readonly channel = ''
  private readonly running = new Map<Subscription, Running>()

  constructor(private readonly host: Host) {
    addEventListener('online', () => this.retry())
  }

  connect(): void {
    if (this.state.name !== 'off') return
    this.set({ name: 'on' })
    for (const subscription of this.host.wanted()) this.start(subscription)
  }

  disconnect(reason?: string): void {
    for (const running of this.running.values()) this.end(running)
    this.running.clear()
    this.set({ name: 'off', reason })
  }

  retry(): void {
    for (const [subscription, running] of this.running) {
      if (running.timer === 0) continue
      clearTimeout(running.timer)
      running.timer = 0
      void this.follow(subscription, running)
    }
    this.update()
  }

  start(subscription: Subscription): void {
    if (this.state.name === 'off') {
      this.connect()
      if (this.running.has(subscription)) return
    }
    const before = this.running.get(subscription)
    if (before) this.end(before)
    this.running.delete(subscription)
    if (this.running.size >= MOST_STREAMS && !multiplexed()) {
      this.fail(subscription, `Over HTTP/1.1 a browser opens six connections to a host, so this page follows at most ${MOST_STREAMS} streams at once. Stop one, or serve HTTP/2.`)
      return
    }
    const running: Running = { abort: new AbortController(), attempt: 0, timer: 0, opened: false, refusal: null }
    this.running.set(subscription, running)
    subscription.error = ''
    void this.follow(subscription, running)
  }

  stop(subscription: Subscription): void {
    const running = this.running.get(subscription)
    if (running) this.end(running)
    this.running.delete(subscription)
    subscription.generation++
    subscription.status = 'stopped'
    this.host.changed(subscription)
    this.update()
  }

  private end(running: Running): void {
    clearTimeout(running.timer)
    running.timer = 0
    running.abort.abort()
  }

  private fail(subscription: Subscription, error: string): void {
    this.running.delete(subscription)
    subscription.wanted = false
    subscription.status = 'failed'
    subscription.error = error
    this.host.changed(subscription)
    this.update()
  }

  /** Reads one stream to its end. */
  private async follow(subscription: Subscription, running: Running): Promise<void> {
    const { signal } = running.abort
    running.refusal = null
    subscription.status = 'starting'
    this.host.changed(subscription)
    // As an EventSource does.
    const resumed: Record<string, string> = subscription.cursor === null ? {} : { 'last-event-id': subscription.cursor }
    let reason = 'the stream ended'
    try {
      const response = await fetch(this.host.addresses().http, {
        method: 'POST',
        headers: { ...this.host.headers(), ...resumed, 'content-type': 'application/json', accept: 'text/event-stream' },
        body: JSON.stringify(request(operationOf(subscription), subscription.variables)),
        signal,
        cache: 'no-store',
      })
      const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
      if (!response.ok || !isStream || !response.body) {
        const text = await response.text()
        // A server that is overloaded or not there yet is asked again; a refusal is final.
        if (response.status >= 500 || response.status === 429) throw new Error(`status ${response.status}`)
        this.fail(subscription, refusal(response.status, text))
        return
      }
      if (running.opened) this.host.notice(`${subscription.title}: connected again. What changed in between ${subscription.cursor === null ? 'was not received' : 'follows'}.`)
      running.opened = true
      running.attempt = 0
      subscription.status = 'live'
      this.host.changed(subscription)
      this.update()
      const complete = await this.read(response.body, subscription, running)
      if (complete && running.refusal !== null) {
        this.fail(subscription, errorOf(running.refusal) ?? 'The server refused.')
        return
      }
      if (complete) {
        this.running.delete(subscription)
        subscription.wanted = false
        subscription.status = 'stopped'
        subscription.error = 'The server completed it.'
        this.host.changed(subscription)
        this.update()
        return
      }
    } catch (error) {
      reason = (error as Error).message
    }
    if (signal.aborted) return
    if (subscription.status === 'live') this.host.notice(`${subscription.title}: connection lost. Trying again.`, true)
    running.attempt++
    const delay = delayOf(running.attempt)
    subscription.status = 'waiting'
    this.host.changed(subscription)
    running.timer = window.setTimeout(() => {
      running.timer = 0
      this.update()
      void this.follow(subscription, running)
    }, delay)
    this.set({ name: 'waiting', attempt: running.attempt, until: Date.now() + delay, reason })
  }

  /** Whether the server said that the stream is complete. */
  private async read(body: ReadableStream<Uint8Array>, subscription: Subscription, running: Running): Promise<boolean> {
    const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
    const parser = new EventParser()
    let first = true
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return false
      for (const { event, data } of parser.push(value)) {
        if (running.abort.signal.aborted) return false
        if (event === 'complete') return true
        if (event !== 'next') continue
        if (first && isRefusal(data)) running.refusal = data
        else {
          if (running.refusal !== null) this.host.event(subscription, running.refusal)
          running.refusal = null
          this.host.event(subscription, data)
        }
        first = false
      }
    }
  }

  private update(): void {
    if (this.state.name === 'off') return
    const waiting = [...this.running.values()].some(({ timer }) => timer !== 0)
    if (!waiting && this.state.name !== 'on') this.set({ name: 'on' })
  }

  private set(state: State): void {
    this.state = state
    this.host.state(state, '')
  }
}

/** Whether a result has errors and nothing else. */
function isRefusal(text: string): boolean {
  const result = fields(text)
  return Boolean(result?.has('errors')) && ['null', undefined].includes(result?.get('data'))
}

function errorOf(text: string): string | null {
  try {
    return firstError(JSON.parse(text))
  } catch {
    return null
  }
}

function refusal(status: number, text: string): string {
  // What is not JSON leaves the status.
  const error = errorOf(text)
  if (error !== null) return error
  if (status === 406 || status === 404 || status === 405) return `The server does not stream over SSE here (status ${status}).`
  return `The server answered with status ${status} and no event stream.`
}

function multiplexed(): boolean {
  const [entry] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return entry?.nextHopProtocol === 'h2' || entry?.nextHopProtocol === 'h3'
}

/** Splits a stream of text into server-sent events. */
export class EventParser {
  private rest = ''
  private event = ''
  private data: string[] = [];

  *push(chunk: string): Generator<{ event: string; data: string }> {
    let text = this.rest + chunk
    // A CR at the very end may be half of a CRLF.
    const held = text.endsWith('\r') ? '\r' : ''
    if (text.includes('\r')) text = text.slice(0, text.length - held.length).replace(/\r\n?/g, '\n')
    let from = 0
    for (;;) {
      const end = text.indexOf('\n', from)
      if (end < 0) break
      const line = text.slice(from, end)
      from = end + 1
      if (line === '') {
        // `complete` of this protocol may come without data.
        if (this.event !== '' || this.data.length > 0) {
          yield { event: this.event || 'message', data: this.data.join('\n') }
        }
        this.event = ''
        this.data = []
      } else if (!line.startsWith(':')) {
        const colon = line.indexOf(':')
        const name = colon < 0 ? line : line.slice(0, colon)
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (name === 'event') this.event = value
        else if (name === 'data') this.data.push(value)
      }
    }
    this.rest = text.slice(from) + held
  }
}
