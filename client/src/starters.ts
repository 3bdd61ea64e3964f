/** Fills the editors with documents to begin with, where nobody typed another. */

import type { Calls } from './calls.ts'
import type { Editors } from './editors.ts'
import type { Offer } from './offer.ts'
import { callFor, fits, type Stream, subscriptionStarter } from './schema.ts'
import { typed } from './store.ts'

export class Starters {
  constructor(
    private readonly offer: Offer,
    private readonly editors: Editors,
    private readonly calls: Calls,
  ) {}

  /** Fills empty editors with something that runs. */
  begin(): void {
    const { schema, fitting } = this.offer
    if (!schema) return
    const [first] = fitting
    if (typed.document.trim() === '' && first) this.editors.put({ document: subscriptionStarter(schema, first.field) })
    if (typed.change.trim() === '') {
      const call = callFor(schema, this.untouched()?.field ?? first?.field ?? '')
      if (call) this.calls.use(call)
    }
  }

  /** A document that nobody touched follows the protocol. */
  follow(): void {
    this.begin()
    const pristine = this.untouched()
    if (!pristine || fits(pristine, typed.protocol)) return
    const { fitting } = this.offer
    const next = fitting.find(({ title }) => title === pristine.title) ?? fitting[0]
    if (next) this.pick(next)
  }

  pick(stream: Stream): void {
    const { schema } = this.offer
    if (!schema) return
    this.editors.showSubscription(subscriptionStarter(schema, stream.field), '')
    const call = callFor(schema, stream.field)
    if (call && this.calls.untouched) this.calls.use(call)
  }

  /** The stream whose starter is in the editor, if nobody touched it. */
  private untouched(): Stream | undefined {
    const { schema, streams } = this.offer
    const { document } = typed
    if (!schema || document === '') return undefined
    return streams.find(({ field }) => document.includes(field) && subscriptionStarter(schema, field) === document)
  }
}
