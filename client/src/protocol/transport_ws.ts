/** graphql-transport-ws: everything over one WebSocket. */

import { request } from '../document.ts'
import { fields, string } from '../json.ts'
import { firstError, SocketConnection, type Subscription } from './connection.ts'

const FINAL = [1002, 4004, 4005, 4400, 4401, 4403, 4406, 4409, 4429, 4500]

export class TransportWs extends SocketConnection {
  private readonly running = new Map<string, Subscription>()
  private next = 1

  protected open(): WebSocket {
    this.running.clear()
    const socket = new WebSocket(this.host.addresses().transportWs, 'graphql-transport-ws')
    socket.onopen = () => {
      const headers = this.host.headers()
      const payload = Object.keys(headers).length > 0 ? headers : undefined
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
    const id = String(this.next++)
    this.running.set(id, subscription)
    subscription.generation++
    // The protocol has no confirmation: what is not refused is running.
    subscription.status = 'live'
    subscription.error = ''
    this.send({ id, type: 'subscribe', payload: request(subscription.operation, subscription.variables) })
    this.host.changed(subscription)
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
