/** What there is to do while the feed is empty. */

import { $, h, icon } from './dom.ts'
import type { Events } from './events.ts'
import { view } from './views.ts'

interface Actions {
  unfilter(): void
  run(): void
  send(): void
}

export class FirstSteps {
  /** What is shown, so that nothing is made anew for no reason. */
  private shown = ''

  constructor(
    private readonly events: Events,
    private readonly actions: Actions,
  ) {}

  /** `live` says whether a subscription runs. */
  show(live: boolean): void {
    const { events, actions } = this
    const shown = events.length > 0 ? '' : events.filtered ? 'filtered' : events.total > 0 ? 'paused' : live ? 'waiting' : 'idle'
    if (shown === this.shown) return
    this.shown = shown
    const place = $('empty')
    if (shown === '') place.replaceChildren()
    else if (shown === 'filtered') {
      place.replaceChildren(h('h3', null, 'No event matches the filter'), h('button.secondary', { type: 'button', onclick: () => actions.unfilter() }, 'Remove the filter'))
    } else if (shown === 'paused') place.replaceChildren(h('h3', null, 'Paused'), h('p', null, 'New events wait until you resume.'))
    else place.replaceChildren(h('h3', null, live ? 'Waiting for events' : 'See a subscription work'), this.steps(live))
  }

  private steps(live: boolean): HTMLElement {
    const { actions } = this
    return h(
      'div.steps',
      null,
      live
        ? step('1', 'Subscribed', 'Changes arrive here as they happen', 'done', () => view('subscribe'), 'check')
        : step('1', 'Subscribe', 'Runs the document in the editor', 'next', () => actions.run(), 'play'),
      step('2', 'Make a change', 'Sends the mutation in the editor', live ? 'next' : '', () => actions.send(), 'send'),
    )
  }
}

function step(number: string, title: string, hint: string, state: string, onclick: () => void, symbol: string): HTMLElement {
  const mark = state === 'done' ? h('span.number', null, icon('check')) : h('span.number', null, number)
  const element = h('button.step', { type: 'button', onclick }, mark, h('span', null, h('b', null, title), h('small', null, hint)), state === 'done' ? null : icon(symbol))
  if (state) element.classList.add(state)
  return element
}
