/** The subscriptions that run or ran, each a card with its colour and counters. */

import { $, h, icon, paced, text } from './dom.ts'
import type { Subscription } from './protocol/connection.ts'

const STATUS: Record<Subscription['status'], string> = {
  waiting: 'waiting',
  starting: 'starting',
  live: 'live',
  stopping: 'stopping',
  stopped: 'stopped',
  failed: 'refused',
}

const COUNTED = ['create', 'update', 'delete']

interface Actions {
  show(subscription: Subscription): void
  toggle(subscription: Subscription): void
  remove(subscription: Subscription): void
}

interface Card {
  element: HTMLElement
  status: HTMLElement
  counts: HTMLElement
  error: HTMLElement
  button: HTMLButtonElement
}

export class Cards {
  private readonly cards = new Map<Subscription, Card>()
  private readonly stale = new Set<Subscription>()
  private readonly draw = paced(() => {
    for (const subscription of this.stale) this.render(subscription)
    this.stale.clear()
  })

  constructor(private readonly actions: Actions) {}

  add(subscription: Subscription): void {
    const { actions } = this
    const status = h('span.status')
    const counts = h('span.counts')
    const error = h('p.error', { hidden: true })
    const button = h('button.tool.small', { type: 'button', onclick: () => actions.toggle(subscription) })
    const name = h('button.name', { type: 'button', title: 'Show it in the editor', onclick: () => actions.show(subscription) }, h('b', null, subscription.title), status)
    const remove = h('button.tool.small', { type: 'button', 'aria-label': `Remove ${subscription.title}`, title: 'Remove', onclick: () => actions.remove(subscription) }, icon('close'))
    const element = h('li.card', { 'data-colour': subscription.colour, 'data-id': subscription.id }, name, counts, h('div.buttons', null, button, remove), error)
    this.cards.set(subscription, { element, status, counts, error, button })
    $('cards').append(element)
    this.update(subscription)
  }

  remove(subscription: Subscription): void {
    this.cards.get(subscription)?.element.remove()
    this.cards.delete(subscription)
    this.stale.delete(subscription)
  }

  update(subscription: Subscription): void {
    this.stale.add(subscription)
    this.draw()
  }

  private render(subscription: Subscription): void {
    const card = this.cards.get(subscription)
    if (!card) return
    const { element, status, counts, error, button } = card
    element.dataset.status = subscription.status
    text(status, STATUS[subscription.status])
    const parts = [h('span', null, h('b.total', null, subscription.total.toLocaleString('en')), subscription.total === 1 ? ' event' : ' events')]
    for (const [action, count] of Object.entries(subscription.counts)) {
      if (count === 0 || (action === 'next' && count === subscription.total)) continue
      const label = action === 'create' ? '+' : action === 'update' ? '~' : action === 'delete' ? '−' : `${action} `
      const part = h('span', { title: `${count.toLocaleString('en')} × ${action}` }, `${label}${count.toLocaleString('en')}`)
      if (COUNTED.includes(action)) part.classList.add(action)
      parts.push(part)
    }
    if (subscription.cursor !== null) {
      const position = subscription.cursor.split('.')[2] ?? ''
      parts.push(h('span.place', { title: `It goes on after ${subscription.cursor}` }, `at ${position}`))
    }
    counts.replaceChildren(...parts)
    text(error, subscription.error)
    error.title = subscription.error
    error.hidden = subscription.error === ''
    const label = `${subscription.wanted ? 'Stop' : 'Start'} ${subscription.title}`
    if (button.getAttribute('aria-label') !== label) {
      button.setAttribute('aria-label', label)
      button.title = subscription.wanted ? 'Stop' : 'Start again'
      button.replaceChildren(icon(subscription.wanted ? 'stop' : 'play'))
    }
  }
}
