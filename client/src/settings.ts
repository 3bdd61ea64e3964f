/** The dialog about the connection. */

import { $, h, icon, text } from './dom.ts'
import { addresses } from './config.ts'
import { forget } from './store.ts'

export function settings(parameters: [string, string][], onChange: (parameters: [string, string][]) => void): () => void {
  const dialog = $<HTMLDialogElement>('settings')
  const list = $('parameters')
  let before = ''

  const read = (): [string, string][] =>
    [...list.children].flatMap((row) => {
      const [name, value] = [...row.querySelectorAll('input')].map((input) => input.value)
      return name ? [[name, value ?? '']] : []
    })

  const show = (): void => {
    const now = read()
    const count = now.length
    $('settings-count').hidden = count === 0
    text($('settings-count'), String(count))
    const place = $('addresses')
    try {
      const { http, twoChannel, transportWs } = addresses(now)
      const rows: [string, string][] = [
        ['Requests, and events over SSE', http],
        ['Events of the two-channel protocol', twoChannel],
        ['graphql-transport-ws', transportWs],
      ]
      place.replaceChildren(...rows.flatMap(([name, address]) => [h('dt', null, name), h('dd', null, address)]))
    } catch (error) {
      place.replaceChildren(h('dt', null, 'These paths cannot be opened'), h('dd', null, (error as Error).message))
    }
  }

  const add = (name = '', value = '', focus = false): void => {
    const nameInput = h('input', { type: 'text', 'aria-label': 'Name of the parameter', placeholder: 'name', autocomplete: 'off', spellcheck: 'false', oninput: show })
    const valueInput = h('input', { type: 'text', 'aria-label': 'Value of the parameter', placeholder: 'value', autocomplete: 'off', spellcheck: 'false', oninput: show })
    nameInput.value = name
    valueInput.value = value
    const remove = () => {
      row.remove()
      show()
    }
    const row = h('div.parameter', null, nameInput, h('span', { 'aria-hidden': 'true' }, '='), valueInput, h('button.tool', { type: 'button', 'aria-label': 'Remove the parameter', onclick: remove }, icon('close')))
    list.append(row)
    if (focus) nameInput.focus()
  }

  for (const [name, value] of parameters) add(name, value)
  show()
  $('add-parameter').addEventListener('click', () => add('', '', true))
  $('forget').addEventListener('click', () => {
    forget()
    location.replace(location.pathname + location.search)
  })
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close()
  })
  // Enter in a field closes the dialog with what was typed.
  dialog.addEventListener('close', () => {
    const now = read()
    if (JSON.stringify(now) !== before) onChange(now)
  })
  return () => {
    before = JSON.stringify(read())
    dialog.showModal()
  }
}
