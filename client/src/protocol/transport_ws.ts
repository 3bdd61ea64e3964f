/** graphql-transport-ws: everything over one WebSocket. */

import { request } from '../document.ts'
import { fields, string } from '../json.ts'
import { firstError, operationOf, SocketConnection, type Subscription } from './connection.ts'

const FINAL = [1002, 4004, 4005, 4400, 4401, 4403, 4406, 4409, 4429, 4500]

export class TransportWs extends SocketConnection {
  private readonly running = new Map<string, Subscription>()
  /** The ids under which subscriptions come back on this connection. */
  private readonly ids = new Map<Subscription, string>()
  private next = 1

  protected open(): WebSocket {
    this.running.clear()
    this.ids.clear()
    const after: Record<string, string> = {}
    for (const subscription of this.host.wanted()) {
      const id = String(this.next++)
      this.ids.set(subscription, id)
      if (subscription.cursor !== null) after[id] = subscription.cursor
    }
    const socket = new WebSocket(this.host.addresses().transportWs, 'graphql-transport-ws')
    socket.onopen = () => {
      const payload = { ...this.host.headers(), graphex: { after } }
      socket.send(JSON.stringify({ type: 'connection_init', payload }))
    }
    return socket
  }

  protected isFinal(code: number): boolean {
    return FINAL.includes(code)
  }

  protected received(text: string): void {
    const message = fields(text)
    const id = string(message?.get('id'))
    const payload = message?.get('payload')
    const subscription = this.running.get(id)
    switch (string(message?.get('type'))) {
      case 'connection_ack':
        this.ready('')
        return
      case 'ping':
        this.stand(fields(fields(fields(payload)?.get('graphex'))?.get('after')))
        this.send({ type: 'pong' })
        return
      case 'pong':
        return
      case 'next':
        if (subscription && payload !== undefined) this.host.event(subscription, payload)
        return
      case 'error':
        if (!subscription) return
        this.running.delete(id)
        subscription.wanted = false
        subscription.status = 'failed'
        subscription.error = firstError(parsed(payload)) ?? 'The server refused.'
        this.host.changed(subscription)
        return
      case 'complete':
        if (!subscription) return
        this.running.delete(id)
        subscription.wanted = false
        subscription.status = 'stopped'
        subscription.error = 'The server completed it.'
        this.host.changed(subscription)
        return
      default:
        this.host.notice(`The server sent what is no message of the protocol: ${text.slice(0, 200)}`, true)
    }
  }

  start(subscription: Subscription): void {
    if (this.state.name !== 'on') {
      subscription.status = 'waiting'
      this.host.changed(subscription)
      this.connect()
      return
    }
    const id = this.ids.get(subscription) ?? String(this.next++)
    this.ids.delete(subscription)
    this.running.set(id, subscription)
    subscription.generation++
    // The protocol has no confirmation: what is not refused is running.
    subscription.status = 'live'
    subscription.error = ''
    this.send({ id, type: 'subscribe', payload: request(operationOf(subscription), subscription.variables) })
    this.host.changed(subscription)
  }

  /** The server says where subscriptions stand that hear nothing. */
  private stand(after: Map<string, string> | null): void {
    for (const [id, cursor] of after ?? []) {
      const subscription = this.running.get(id)
      if (!subscription) continue
      subscription.cursor = string(cursor)
      this.host.changed(subscription)
    }
  }

  stop(subscription: Subscription): void {
    subscription.generation++
    for (const [id, one] of this.running) {
      if (one !== subscription) continue
      this.running.delete(id)
      this.send({ id, type: 'complete' })
    }
    subscription.status = 'stopped'
    this.host.changed(subscription)
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null')
  } catch {
    return null
  }
}
