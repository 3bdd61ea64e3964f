/** The parts of the page, of which a narrow window shows one at a time. */

import { $ } from './dom.ts'

export type View = 'subscribe' | 'live' | 'change'

const buttons = (): NodeListOf<HTMLElement> => document.querySelectorAll<HTMLElement>('.views button')

export function view(name: View): void {
  $('board').dataset.view = name
  for (const button of buttons()) {
    if (button.dataset.view === name) button.setAttribute('aria-current', 'true')
    else button.removeAttribute('aria-current')
  }
}

/** Lets the buttons choose. */
export function views(onShow: (name: View) => void): void {
  for (const button of buttons()) {
    button.addEventListener('click', () => {
      const name = button.dataset.view as View
      view(name)
      onShow(name)
    })
  }
}
