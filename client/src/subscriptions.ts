/** Runs the subscription in the editor, and keeps those that ran. */

import { Cards } from './cards.ts'
import { PROTOCOL_NAMES } from './config.ts'
import { argumentValue, jsonObject, type Operation, operationAt, type Variables } from './document.ts'
import { $, text } from './dom.ts'
import type { Editors } from './editors.ts'
import type { Link } from './link.ts'
import { say } from './message.ts'
import type { Subscription } from './protocol/connection.ts'
import type { Server } from './server.ts'
import { remember, typed } from './store.ts'
import { view } from './views.ts'

const COLOURS = 8

export class Subscriptions {
  private readonly all: Subscription[] = []
  private next = 1
  private readonly cards: Cards

  constructor(
    private readonly server: Server,
    private readonly link: Link,
    private readonly editors: Editors,
    /** Whether a subscription to this field can begin with the rows that there are. */
    private readonly offersSnapshot: (field: string) => boolean,
    /** What runs, or what the editor has of it, is another. */
    private readonly onShow: () => void,
  ) {
    this.cards = new Cards({
      show(subscription) {
        editors.showSubscription(subscription.text, subscription.variablesText)
        view('subscribe')
      },
      toggle: (subscription) => (subscription.wanted ? this.stop(subscription) : this.start(subscription)),
      remove: (subscription) => this.remove(subscription),
    })
    $('run').addEventListener('click', () => this.run())
    const snapshot = $<HTMLInputElement>('snapshot')
    snapshot.checked = typed.snapshot
    snapshot.addEventListener('change', () => remember('snapshot', snapshot.checked))
  }

  /** Those that should run. */
  running(): Subscription[] {
    return this.all.filter(({ wanted }) => wanted)
  }

  /** Those that should run over the chosen protocol. */
  wanted(): Subscription[] {
    return this.running().filter(({ protocol }) => protocol === typed.protocol)
  }

  /** The subscription that the editor shows, if it was run. */
  private current(): Subscription | undefined {
    const same = this.all.filter((one) => one.text === typed.document && one.variablesText === typed.variables && one.protocol === typed.protocol)
    return same.find(({ wanted }) => wanted) ?? same.at(-1)
  }

  /** Runs the document in the editor, or stops it when it runs. */
  run(): void {
    say('run-message', '')
    const before = this.current()
    if (before?.wanted) {
      this.stop(before)
      return
    }
    try {
      const operation = operationAt(typed.document, this.editors.cursor('document'))
      const variables = jsonObject(typed.variables, 'The variables')
      jsonObject(typed.headers, 'The headers')
      if (operation.kind !== 'subscription') throw new Error(`This is a ${operation.kind}: send it with “Make a change”.`)
      if (operation.twoChannel !== (typed.protocol === 'two-channel')) throw new Error(wrongProtocol(operation))
      this.server.addresses()
      this.start(before && before.operation.name === operation.name ? before : this.add(operation, variables))
    } catch (error) {
      say('run-message', (error as Error).message)
      view('subscribe')
    }
  }

  private add(operation: Operation, variables: Variables): Subscription {
    const id = this.next++
    const subscription: Subscription = {
      id,
      title: operation.name ?? operation.field,
      colour: (id - 1) % COLOURS,
      text: typed.document,
      variablesText: typed.variables,
      operation,
      variables,
      protocol: typed.protocol,
      status: 'waiting',
      error: '',
      wanted: false,
      stream: '',
      counts: {},
      total: 0,
      generation: 0,
      cursor: null,
      snapshot: false,
      goesOn: false,
    }
    this.all.push(subscription)
    this.cards.add(subscription)
    return subscription
  }

  private remove(subscription: Subscription): void {
    if (subscription.wanted) this.stop(subscription)
    this.all.splice(this.all.indexOf(subscription), 1)
    this.cards.remove(subscription)
    this.show()
  }

  private start(subscription: Subscription): void {
    this.link.choose(subscription.protocol)
    this.replaceBy(subscription)
    subscription.wanted = true
    // Begun by hand, it begins anew.
    subscription.cursor = null
    subscription.goesOn = this.offersSnapshot(subscription.operation.field)
    subscription.snapshot = typed.snapshot && subscription.goesOn
    this.link.connection.start(subscription)
    this.show()
  }

  /** For the server those that differ in data alone are one: the new one replaces what the old one asked to be sent. */
  private replaceBy(subscription: Subscription): void {
    const identity = identityOf(subscription)
    for (const other of identity === null ? [] : this.wanted()) {
      if (other === subscription || identityOf(other) !== identity) continue
      other.error = `Replaced by ${subscription.title}, which differs in data alone.`
      this.end(other)
    }
  }

  stop(subscription: Subscription): void {
    subscription.wanted = false
    this.link.connection.stop(subscription)
    this.show()
  }

  stopAll(): void {
    for (const one of this.running()) this.end(one)
  }

  /** Takes it for stopped, where the connection need not be told. */
  private end(subscription: Subscription): void {
    subscription.wanted = false
    subscription.generation++
    subscription.status = 'stopped'
    this.changed(subscription)
  }

  changed(subscription: Subscription): void {
    this.cards.update(subscription)
    this.show()
  }

  count(subscription: Subscription, action: string): void {
    subscription.total++
    subscription.counts[action] = (subscription.counts[action] ?? 0) + 1
    this.cards.update(subscription)
  }

  forgetCounts(): void {
    for (const one of this.all) {
      one.total = 0
      one.counts = {}
      this.cards.update(one)
    }
  }

  /** What is in the editor is another. */
  edited(): void {
    say('run-message', '')
    this.show()
  }

  show(): void {
    const current = this.current()
    const running = current?.wanted ?? false
    text($('run-text'), running ? 'Stop' : 'Subscribe')
    $('run-icon').setAttribute('href', running ? '#i-stop' : '#i-play')
    $('run').classList.toggle('running', running)
    $('snapshot-switch').hidden = !this.offersSnapshot(fieldOf(typed.document, this.editors.cursor('document')))
    if (current?.status === 'failed') say('run-message', current.error)
    else if (current && $('run-message').classList.contains('bad')) say('run-message', '')
    this.onShow()
  }
}

/** The field that a document subscribes to, as far as it can be read. */
function fieldOf(document: string, cursor: number): string {
  try {
    return operationAt(document, cursor).field
  } catch {
    return ''
  }
}

function wrongProtocol({ field }: Operation): string {
  return typed.protocol === 'two-channel'
    ? `${field} streams its results: choose ${PROTOCOL_NAMES['transport-ws']} or ${PROTOCOL_NAMES.sse} above.`
    : `${field} belongs to the two-channel protocol: choose it above.`
}

function identityOf({ operation, variables }: Subscription): string | null {
  if (!operation.twoChannel) return null
  const parts = ['action', 'id', 'filters'].map((name) => argumentValue(operation, variables, name) ?? null)
  return JSON.stringify([operation.field, ...parts])
}
