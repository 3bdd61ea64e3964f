import { $, h } from './dom.ts'

/** A sentence for a moment, perhaps with something to do about it. */
export function toast(sentence: string, action?: { label: string; run: () => void }): void {
  const list = $('toasts')
  const element = h('div.toast', null, h('span', null, sentence))
  const remove = () => element.remove()
  if (action) {
    const run = () => {
      action.run()
      remove()
    }
    element.append(h('button', { type: 'button', onclick: run }, action.label))
  }
  while (list.children.length > 2) list.firstElementChild?.remove()
  list.append(element)
  setTimeout(remove, action ? 12_000 : 3_500)
}
