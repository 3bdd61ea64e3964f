/** The list of the streams that the server offers. */

import { PROTOCOL_NAMES, type Protocol } from './config.ts'
import { operationAt } from './document.ts'
import { $, h, icon, text } from './dom.ts'
import type { Link } from './link.ts'
import type { Offer } from './offer.ts'
import type { Subscription } from './protocol/connection.ts'
import type { Stream } from './schema.ts'
import type { Starters } from './starters.ts'
import { typed } from './store.ts'
import type { Subscriptions } from './subscriptions.ts'
import { view } from './views.ts'

export class Streams {
  constructor(
    private readonly offer: Offer,
    private readonly starters: Starters,
    private readonly subscriptions: Subscriptions,
    private readonly link: Link,
  ) {
    $('open-streams').addEventListener('click', () => $('streams').classList.add('shown'))
    $('close-streams').addEventListener('click', close)
    $('streams-filter').addEventListener('input', () => this.show())
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') close()
    })
    document.addEventListener('pointerdown', (event) => {
      const target = event.target as HTMLElement
      if (!target.closest('#streams, #open-streams')) close()
    })
  }

  show(): void {
    const { fitting } = this.offer
    const wanted = $<HTMLInputElement>('streams-filter').value.trim().toLowerCase()
    $('streams-search').hidden = fitting.length < 8
    const shown = fitting.filter(({ field, title }) => `${field} ${title}`.toLowerCase().includes(wanted))
    text($('streams-count'), fitting.length === 0 ? '' : wanted ? `${shown.length} of ${fitting.length}` : String(fitting.length))
    $('stream-list').replaceChildren(...shown.map((stream) => this.item(stream)))
    this.showNote()
    this.showChosen()
    this.subscriptions.show()
  }

  private item(stream: Stream): HTMLElement {
    const { field, title, description } = stream
    const choose = () => {
      this.pick(stream)
      view('subscribe')
    }
    const go = () => {
      const running = this.running(field)
      for (const one of running) this.subscriptions.stop(one)
      if (running.length > 0) return
      this.pick(stream)
      this.subscriptions.run()
    }
    return h(
      'li.stream',
      { 'data-field': field, 'data-title': title },
      h('button.pick', { type: 'button', title: description || field, onclick: choose }, h('b', null, title), h('span', null, description || field)),
      h('button.go', { type: 'button', 'aria-label': `Subscribe to ${title}`, title: `Subscribe to ${title}`, onclick: go }, icon('play')),
    )
  }

  private pick(stream: Stream): void {
    this.starters.pick(stream)
    close()
  }

  private running(field: string | undefined): Subscription[] {
    return this.subscriptions.running().filter(({ operation }) => operation.field === field)
  }

  /** Says why streams are missing, if they are. */
  private showNote(): void {
    const { known, streams, fitting } = this.offer
    const note = $('streams-note')
    const others = streams.length - fitting.length
    note.hidden = false
    if (known.state === 'loading') note.replaceChildren('Reading the schema…')
    else if (known.state === 'away') note.replaceChildren('The server does not answer: its streams are shown when it does.')
    else if (known.state === 'off') note.replaceChildren(`The server does not tell its schema, so keywords are all there is to complete. Documents run all the same. (${known.reason.slice(0, 160)})`)
    else if (streams.length === 0) note.replaceChildren('The schema has no subscription.')
    else if (others > 0) {
      const target: Protocol = typed.protocol === 'two-channel' ? 'transport-ws' : 'two-channel'
      const change = h('button', { type: 'button', onclick: () => this.link.choose(target) }, PROTOCOL_NAMES[target])
      note.replaceChildren(`${others} more over `, change, target === 'transport-ws' ? ' or SSE.' : '.')
    } else note.hidden = true
  }

  /** Marks the stream of the document in the editor. */
  showChosen(): void {
    let field: string | undefined
    try {
      field = operationAt(typed.document, 0).field
    } catch {
      // Half a document belongs to no stream.
    }
    for (const item of items()) item.classList.toggle('chosen', item.dataset.field === field)
  }

  /** Marks the streams that run. */
  showRunning(): void {
    for (const item of items()) {
      const on = this.running(item.dataset.field).length > 0
      const button = item.querySelector<HTMLElement>('.go')!
      if (button.classList.toggle('running', on) === (button.dataset.on === 'true')) continue
      button.dataset.on = String(on)
      button.replaceChildren(icon(on ? 'stop' : 'play'))
      const label = `${on ? 'Stop' : 'Subscribe to'} ${item.dataset.title}`
      button.setAttribute('aria-label', label)
      button.title = label
    }
  }
}

function items(): NodeListOf<HTMLElement> {
  return document.querySelectorAll<HTMLElement>('.stream[data-field]')
}

function close(): void {
  $('streams').classList.remove('shown')
}
