/** The connection over the chosen protocol, and what the page says about it. */

import { type Protocol, PROTOCOLS } from './config.ts'
import { $, copy, text } from './dom.ts'
import type { Connection, Host, State } from './protocol/connection.ts'
import { Sse } from './protocol/sse.ts'
import { TransportWs } from './protocol/transport_ws.ts'
import { TwoChannel } from './protocol/two_channel.ts'
import { remember, typed } from './store.ts'
import { toast } from './toast.ts'

const HEADERS_NOTE: Record<Protocol, string> = {
  'two-channel': 'Sent with every request. A browser cannot send headers with a WebSocket: use query parameters for that.',
  'transport-ws': 'Sent with every request, and as the payload of connection_init. They count from the next connect.',
  sse: 'Sent with every request and with every stream.',
}

interface Actions {
  /** The connection has another state. */
  state(state: State): void
  /** Somebody ends the connection: no subscription should run any longer. */
  end(): void
  /** Another protocol was chosen. */
  chosen(): void
}

export class Link {
  private readonly connections: Record<Protocol, Connection>
  private countdown = 0

  constructor(
    private readonly host: Omit<Host, 'state'>,
    private readonly actions: Actions,
  ) {
    const whole: Host = {
      ...host,
      state: (state, channel) => {
        this.show(state, channel)
        actions.state(state)
      },
    }
    this.connections = { 'two-channel': new TwoChannel(whole), 'transport-ws': new TransportWs(whole), sse: new Sse(whole) }
    if (!PROTOCOLS.includes(typed.protocol)) typed.protocol = 'two-channel'
    this.showProtocol()
    this.show({ name: 'off' }, '')
    this.wire()
  }

  /** The connection of the chosen protocol. */
  get connection(): Connection {
    return this.connections[typed.protocol]
  }

  choose(protocol: Protocol): void {
    if (protocol === typed.protocol) return
    const before = this.connection
    if (typed.protocol === 'sse') for (const one of this.host.wanted()) before.stop(one)
    this.actions.end()
    before.disconnect()
    remember('protocol', protocol)
    this.showProtocol()
    this.connection.connect()
    this.actions.chosen()
  }

  /** Connects anew, with what runs, where there is a connection. */
  renew(): void {
    const { connection } = this
    const { name } = connection.state
    const resumed = this.host.wanted()
    // It may be somebody else from now on, who has seen nothing.
    for (const one of resumed) one.cursor = null
    connection.disconnect()
    if (name !== 'off') connection.connect()
    for (const one of resumed) if (connection.state.name === 'on') connection.start(one)
  }

  private wire(): void {
    $('connect').addEventListener('click', () => {
      if (this.connection.state.name === 'off') this.connection.connect()
      else {
        this.actions.end()
        this.connection.disconnect()
      }
    })
    $('retry').addEventListener('click', () => this.connection.retry())
    $('channel').addEventListener('click', async () => toast((await copy(this.connection.channel)) ? 'The channel id is copied.' : 'The browser did not allow to copy.'))
    for (const input of inputs()) input.addEventListener('change', () => this.choose(input.value as Protocol))
  }

  private show(state: State, channel: string): void {
    clearInterval(this.countdown)
    const place = $('state')
    place.dataset.state = state.name
    place.toggleAttribute('data-bad', state.name === 'off' && Boolean(state.reason))
    const write = (): void => {
      const label = describe(state)
      text($('state-text'), label)
      place.title = label
    }
    write()
    if (state.name === 'waiting') this.countdown = window.setInterval(write, 500)
    $('retry').hidden = state.name !== 'waiting'
    text($('connect'), state.name === 'off' ? 'Connect' : 'Disconnect')
    $('channel').hidden = channel === ''
    text($('channel-id'), channel)
    $('channel').title = `Copy the channel id ${channel}`
  }

  private showProtocol(): void {
    for (const input of inputs()) input.checked = input.value === typed.protocol
    text($('headers-note'), HEADERS_NOTE[typed.protocol])
  }
}

function inputs(): NodeListOf<HTMLInputElement> {
  return document.querySelectorAll<HTMLInputElement>('input[name="protocol"]')
}

function describe(state: State): string {
  switch (state.name) {
    case 'on':
      return typed.protocol === 'sse' ? 'Ready' : 'Connected'
    case 'connecting':
      return state.attempt > 0 ? `Connecting, attempt ${state.attempt + 1}` : 'Connecting'
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1000))
      return `Reconnecting in ${seconds} s, attempt ${state.attempt + 1}: ${state.reason}`
    }
    case 'off':
      return state.reason ? `Not connected: ${state.reason}` : 'Not connected'
  }
}
