/** The two-channel protocol: a WebSocket that only brings notifications, and HTTP for the rest. */

import { argumentValue, controlRequest } from '../document.ts'
import { fields, string } from '../json.ts'
import { type Answer, firstError, SocketConnection, type Subscription } from './connection.ts'

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

  protected open(): WebSocket {
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
      this.host.event(this.receiver(text, frame), text)
    } else {
      this.host.notice(`The server says: ${string(frame.get('error') ?? text).slice(0, 500)}`, true)
    }
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
    const { operation, variables } = subscription
    let answer: Answer
    try {
      answer = await this.host.post(controlRequest(operation, variables, this.channel, verb, this.own))
    } catch (error) {
      return `The request failed: ${(error as Error).message}`
    }
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
      if (match.actions && !match.actions.has(action)) return false
      if (match.keys !== null && data && match.keys !== keys) return false
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
