/** Makes changes: sends what is in the editor for them, and shows the answer. */

import { jsonObject, operationAt, request, type Request } from './document.ts'
import { $, h } from './dom.ts'
import type { Editors } from './editors.ts'
import { tree } from './json.ts'
import { say } from './message.ts'
import type { Meter } from './meter.ts'
import { type Answer, firstError } from './protocol/connection.ts'
import type { Server } from './server.ts'
import { typed } from './store.ts'
import { view } from './views.ts'

export class Changes {
  /** Counts what was sent: only the last answer is shown. */
  private turn = 0

  constructor(
    private readonly server: Server,
    private readonly editors: Editors,
    private readonly meter: Meter,
  ) {
    $('send').addEventListener('click', () => void this.send())
  }

  async send(): Promise<void> {
    say('send-message', '')
    let body: Request
    try {
      body = this.read()
    } catch (error) {
      say('send-message', (error as Error).message)
      view('change')
      return
    }
    const turn = ++this.turn
    this.meter.changeSent()
    try {
      const answer = await this.server.post(body)
      if (turn === this.turn) show(answer)
    } catch (error) {
      $('answer-mark').className = 'mark bad'
      $('pane-answer').replaceChildren(h('p.note', null, `The request failed: ${(error as Error).message}`))
      say('send-message', 'The request failed. Is the server there?')
    }
  }

  /** The request that the editors hold. Throws a sentence. */
  private read(): Request {
    const operation = operationAt(typed.change, this.editors.cursor('change'))
    if (operation.kind === 'subscription') throw new Error('This is a subscription: run it in the editor for subscriptions.')
    jsonObject(typed.headers, 'The headers')
    return request(operation, jsonObject(typed.changeVariables, 'The variables'))
  }
}

function show({ status, text, body, took }: Answer): void {
  const error = firstError(body)
  const bad = error !== null || status >= 400
  const facts = h('p.facts', null, h('b', null, `${status}`), ` in ${took < 10 ? took.toFixed(1) : Math.round(took)} ms`)
  facts.classList.toggle('bad', bad)
  $('pane-answer').replaceChildren(facts, body === null ? h('pre.json', null, text.slice(0, 20_000)) : tree(text, undefined, null))
  $('answer-mark').className = `mark ${bad ? 'bad' : 'good'}`
  say('send-message', bad ? (error ?? `The server answered with status ${status}.`) : `Done in ${Math.round(took)} ms.`, bad)
}
