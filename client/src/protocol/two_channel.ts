/** The two-channel protocol: a WebSocket that only brings notifications, and HTTP for the rest. */

import { argumentValue, controlRequest } from '../document.ts'
import { fields, string } from '../json.ts'
import { type Answer, firstError, placedOperationOf, SocketConnection, type Subscription } from './connection.ts'

/** What rows that enter and leave are told to. */
const KINDS: Record<string, string> = { enter: 'update', leave: 'update' }
/** What is about no change. */
const SIGNALS = new Set(['snapshot', 'ready', 'resync'])

/** What a notification has to satisfy to be of a subscription. */
interface Match {
  actions: Set<string> | null
  id: string | null
  keys: string | null
  equal: [string, string][]
}

export class TwoChannel extends SocketConnection {
  /** Ids of all channels that this page has had. */
  private readonly own = new Set<string>()
  private readonly matches = new WeakMap<Subscription, Match>()
  /** Requests about one subscription go out one after the other. */
  private readonly queues = new WeakMap<Subscription, Promise<void>>()
  /** Who got the last notification of a row: an equal one is for the next that matches. */
  private last: { text: string; given: Set<Subscription> } = { text: '', given: new Set() }
  /** Requests that are not answered. */
  private asked = 0
  /** What came before the answer to the request that it is for. */
  private early: string[] = []

  protected open(): WebSocket {
    this.early = []
    return new WebSocket(this.host.addresses().twoChannel)
  }

  protected isFinal(code: number): boolean {
    return code === 1008
  }

  protected received(text: string): void {
    const frame = fields(text)
    if (!frame) {
      this.host.notice(`The server sent what is no notification: ${text.slice(0, 200)}`, true)
      return
    }
    if (frame.has('channel_id')) {
      const channel = string(frame.get('channel_id'))
      this.own.add(channel)
      this.ready(channel)
    } else if (frame.has('stream')) {
      this.hand(text, frame)
    } else {
      this.host.notice(`The server says: ${string(frame.get('error') ?? text).slice(0, 500)}`, true)
    }
  }

  private hand(text: string, frame: Map<string, string>): void {
    const payload = fields(frame.get('payload'))
    const isReady = string(payload?.get('action')) === 'ready'
    const receiver = isReady ? this.starting(string(frame.get('stream'))) : this.receiver(text, frame)
    if (receiver === null && this.asked > 0) {
      this.early.push(text)
      return
    }
    const isUnasked = isReady && receiver !== null && !receiver.snapshot && argumentValue(receiver.operation, receiver.variables, 'ready') !== true
    if (!isUnasked) {
      this.host.event(receiver, text)
      return
    }
    // The page has asked for it, and not the document.
    const cursor = payload?.get('cursor')
    if (cursor === undefined) return
    receiver.cursor = string(cursor)
    this.host.changed(receiver)
  }

  /** The subscription that begins to stand: the frame does not say which, and all of a stream that stand are at the same place. */
  private starting(stream: string): Subscription | null {
    const all = this.host.wanted().filter((one) => one.stream === stream)
    return all.find(({ cursor }) => cursor === null) ?? all[0] ?? null
  }

  start(subscription: Subscription): void {
    if (this.state.name !== 'on') {
      subscription.status = 'waiting'
      this.host.changed(subscription)
      this.connect()
      return
    }
    const generation = ++subscription.generation
    subscription.status = 'starting'
    subscription.error = ''
    this.host.changed(subscription)
    this.enqueue(subscription, async () => {
      if (subscription.generation !== generation) return
      const error = await this.control(subscription, 'SUBSCRIBE')
      if (subscription.generation !== generation) return
      subscription.status = error === null ? 'live' : 'failed'
      subscription.error = error ?? ''
      if (error !== null) subscription.wanted = false
      this.host.changed(subscription)
    })
  }

  stop(subscription: Subscription): void {
    const generation = ++subscription.generation
    const wasLive = this.state.name === 'on'
    subscription.status = wasLive ? 'stopping' : 'stopped'
    this.host.changed(subscription)
    if (!wasLive) return
    this.enqueue(subscription, async () => {
      const error = await this.control(subscription, 'UNSUBSCRIBE')
      if (subscription.generation !== generation) return
      subscription.status = 'stopped'
      subscription.error = error ?? ''
      this.host.changed(subscription)
    })
  }

  private enqueue(subscription: Subscription, work: () => Promise<void>): void {
    const before = this.queues.get(subscription) ?? Promise.resolve()
    this.queues.set(subscription, before.then(work))
  }

  /** Says it to the server; what went wrong, if anything. */
  private async control(subscription: Subscription, verb: 'SUBSCRIBE' | 'UNSUBSCRIBE'): Promise<string | null> {
    const { variables } = subscription
    const operation = verb === 'SUBSCRIBE' ? placedOperationOf(subscription) : subscription.operation
    let answer: Answer
    this.asked++
    try {
      answer = await this.host.post(controlRequest(operation, variables, this.channel, verb, this.own))
      return this.confirmed(subscription, verb, answer)
    } catch (error) {
      return `The request failed: ${(error as Error).message}`
    } finally {
      this.asked--
      for (const text of this.early.splice(0)) this.received(text)
    }
  }

  /** What the server refused it for, if it did. */
  private confirmed(subscription: Subscription, verb: 'SUBSCRIBE' | 'UNSUBSCRIBE', answer: Answer): string | null {
    const { operation } = subscription
    const failed = firstError(answer.body)
    if (failed !== null) return failed
    const said = answer.body?.data?.[operation.key]
    if (!said) return `The server answered with status ${answer.status} and no confirmation.`
    if (said.ok !== true) return String(said.error ?? 'The server refused.')
    if (typeof said.stream === 'string') subscription.stream = said.stream
    if (verb === 'SUBSCRIBE') this.matches.set(subscription, matchOf(subscription, said.action))
    return null
  }

  /**
   * The subscription that a notification is for. The frame does not say, so what the
   * subscriptions asked for has to: where two match alike, each gets one of the two frames.
   */
  private receiver(text: string, frame: Map<string, string>): Subscription | null {
    const stream = string(frame.get('stream'))
    const payload = fields(frame.get('payload'))
    const action = string(payload?.get('action')).toLowerCase()
    const data = fields(payload?.get('data'))
    const keys = data ? [...data.keys()].sort().join() : ''
    const all = this.host.wanted().filter((one) => one.stream === stream)
    const matching = all.filter((one) => {
      const match = this.matches.get(one)
      if (!match) return true
      if (match.actions && !match.actions.has(KINDS[action] ?? action) && !SIGNALS.has(action)) return false
      // Of a row that left the key alone comes.
      if (match.keys !== null && data && match.keys !== keys && action !== 'leave') return false
      if (match.id !== null && data?.has('id') && string(data.get('id')) !== match.id) return false
      return match.equal.every(([name, value]) => !data?.has(name) || data.get(name) === value)
    })
    const candidates = matching.length > 0 ? matching : all
    if (candidates.length < 2) return candidates[0] ?? null
    if (this.last.text !== text) this.last = { text, given: new Set() }
    const next = candidates.find((one) => !this.last.given.has(one))
    if (!next) {
      this.last.given.clear()
    }
    const chosen = next ?? candidates[0]!
    this.last.given.add(chosen)
    return chosen
  }
}

function matchOf({ operation, variables }: Subscription, action: unknown): Match {
  const id = argumentValue(operation, variables, 'id')
  const data = argumentValue(operation, variables, 'data')
  const filters = argumentValue(operation, variables, 'filters')
  const asked = String(action ?? argumentValue(operation, variables, 'action') ?? 'ALL_ACTIONS').toLowerCase()
  const names = (Array.isArray(data) ? data : data == null ? [] : [data]).filter((name) => typeof name === 'string')
  const equal = Object.entries(typeof filters === 'object' && filters !== null ? filters : {})
  return {
    actions: asked === 'all_actions' ? null : new Set([asked]),
    id: id == null ? null : String(id),
    keys: names.length === 0 ? null : [...new Set(names.map((name) => name.toLowerCase()))].sort().join(),
    equal: equal
      .filter(([name, value]) => !name.includes('__') && ['string', 'number', 'boolean'].includes(typeof value))
      .map(([name, value]) => [name, JSON.stringify(value)]),
  }
}
