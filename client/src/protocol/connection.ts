/** What the three protocols share: states, subscriptions, and when to try again. */

import type { Protocol } from '../config.ts'
import { type Operation, type Request, type Variables, withArgument } from '../document.ts'

export type State =
  | { name: 'off'; reason?: string }
  | { name: 'connecting'; attempt: number }
  | { name: 'on' }
  /** Waits to try again. */
  | { name: 'waiting'; attempt: number; until: number; reason: string }

export type Status = 'waiting' | 'starting' | 'live' | 'stopping' | 'stopped' | 'failed'

/** A subscription that somebody runs or ran. */
export interface Subscription {
  id: number
  title: string
  colour: number
  text: string
  variablesText: string
  operation: Operation
  variables: Variables
  protocol: Protocol
  status: Status
  error: string
  /** Whether it should run: a connection that comes back starts it again. */
  wanted: boolean
  stream: string
  counts: Record<string, number>
  total: number
  /** Ends a task of an earlier start. */
  generation: number
  /** Where it goes on when the connection comes back; nowhere without a change log. */
  cursor: string | null
  /** Whether it is to begin with the rows that there are. */
  snapshot: boolean
  /** Whether its field can go on after a cursor. */
  goesOn: boolean
}

/** What is sent of a subscription of the standard protocols. */
export function operationOf({ operation, snapshot }: Subscription): Operation {
  return snapshot ? withArgument(operation, 'snapshot') : operation
}

/** What is sent of a subscription of the two-channel protocol, which is told where it is if it asks. */
export function placedOperationOf({ operation, snapshot, cursor, goesOn }: Subscription): Operation {
  if (!goesOn) return operation
  const begun = withArgument(operation, snapshot ? 'snapshot' : 'ready')
  return cursor === null ? begun : withArgument(begun, 'after', cursor)
}

/** What a connection tells the page. */
export interface Listener {
  state(state: State, channel: string): void
  changed(subscription: Subscription): void
  /** One result of the subscription, as the JSON text that came. */
  event(subscription: Subscription | null, text: string): void
  /** Something worth a line in the feed. */
  notice(text: string, bad?: boolean): void
}

export interface Answer {
  status: number
  text: string
  body: any
  took: number
}

/** What a connection needs of the page. */
export interface Host extends Listener {
  /** The subscriptions of this connection that should run. */
  wanted(): Subscription[]
  post(request: Request, signal?: AbortSignal): Promise<Answer>
  headers(): Record<string, string>
  addresses(): { http: string; twoChannel: string; transportWs: string }
}

export interface Connection {
  readonly state: State
  readonly channel: string
  connect(): void
  disconnect(reason?: string): void
  /** Does not wait any longer. */
  retry(): void
  start(subscription: Subscription): void
  stop(subscription: Subscription): void
}

const LONGEST = 15_000

/** Half a second, then twice as long each time, spread a little so that clients do not come back as one. */
export function delayOf(attempt: number): number {
  const delay = Math.min(LONGEST, 500 * 2 ** (attempt - 1))
  return Math.round(delay * (0.8 + Math.random() * 0.4))
}

export function closeReason({ code, reason }: { code: number; reason: string }): string {
  const known: Record<number, string> = {
    1000: 'closed',
    1001: 'the server goes away',
    1006: 'no connection',
    1008: 'the server refused',
    1011: 'the server failed',
    1012: 'the server wants this page to connect again',
    1013: 'the server found this page too slow to read',
    4400: 'the server did not understand a message',
    4401: 'not allowed',
    4403: 'forbidden',
    4406: 'the server does not speak graphql-transport-ws',
    4408: 'the server waited too long',
    4409: 'a subscription of this id exists',
    4429: 'too many attempts',
  }
  const what = known[code] ?? 'closed'
  return reason ? `${what} (${code}: ${reason})` : `${what} (${code})`
}

/** The first error of a GraphQL answer as a sentence. */
export function firstError(body: any): string | null {
  const errors = Array.isArray(body) ? body : body?.errors
  if (!Array.isArray(errors) || errors.length === 0) return null
  return String(errors[0]?.message ?? 'unknown error')
}

/** The state machine of a WebSocket that is to stay open. */
export abstract class SocketConnection implements Connection {
  state: State = { name: 'off' }
  channel = ''
  protected socket: WebSocket | null = null
  private timer = 0
  /** Attempts since the last time it was open. */
  private attempt = 0
  protected opened = false

  constructor(protected readonly host: Host) {
    addEventListener('online', () => {
      if (this.state.name === 'waiting') this.retry()
    })
  }

  protected abstract open(): WebSocket
  protected abstract received(text: string): void
  /** Close codes after which another attempt would end alike. */
  protected abstract isFinal(code: number): boolean
  abstract start(subscription: Subscription): void
  abstract stop(subscription: Subscription): void

  connect(): void {
    if (this.state.name === 'off' || this.state.name === 'waiting') this.dial()
  }

  retry(): void {
    if (this.state.name === 'waiting') this.dial()
  }

  private dial(): void {
    clearTimeout(this.timer)
    this.set({ name: 'connecting', attempt: this.attempt })
    let socket: WebSocket
    try {
      socket = this.open()
    } catch (error) {
      this.set({ name: 'off', reason: `This address cannot be opened: ${(error as Error).message}` })
      return
    }
    this.socket = socket
    socket.onmessage = ({ data }) => {
      if (this.socket === socket && typeof data === 'string') this.received(data)
    }
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event)
    }
  }

  /** The connection can be used. */
  protected ready(channel: string): void {
    const again = this.opened
    this.attempt = 0
    this.opened = true
    this.channel = channel
    this.set({ name: 'on' })
    const wanted = this.host.wanted()
    if (again) {
      const resumed = wanted.length === 0 ? '' : ` ${wanted.length === 1 ? 'The subscription is' : `${wanted.length} subscriptions are`} started again.`
      const between = wanted.length > 0 && wanted.every(({ cursor }) => cursor !== null) ? 'What changed in between follows.' : 'What changed in between was not received.'
      this.host.notice(`Connected again.${resumed} ${between}`)
    }
    for (const subscription of wanted) this.start(subscription)
  }

  private closed(event: CloseEvent): void {
    const wasOn = this.state.name === 'on'
    this.socket = null
    this.channel = ''
    const reason = closeReason(event)
    for (const subscription of this.host.wanted()) {
      subscription.status = 'waiting'
      subscription.generation++
      this.host.changed(subscription)
    }
    if (this.isFinal(event.code)) {
      this.opened = false
      this.set({ name: 'off', reason })
      this.host.notice(`Not connected: ${reason}.`, true)
      return
    }
    this.attempt++
    const delay = delayOf(this.attempt)
    if (wasOn) this.host.notice(`Connection lost: ${reason}. Trying again.`, true)
    this.set({ name: 'waiting', attempt: this.attempt, until: Date.now() + delay, reason })
    this.timer = window.setTimeout(() => this.retry(), delay)
  }

  disconnect(reason?: string): void {
    clearTimeout(this.timer)
    const socket = this.socket
    this.socket = null
    this.channel = ''
    this.attempt = 0
    this.opened = false
    socket?.close(1000)
    this.set({ name: 'off', reason })
  }

  private set(state: State): void {
    this.state = state
    this.host.state(state, this.channel)
  }
}
