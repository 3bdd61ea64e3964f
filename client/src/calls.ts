/** The mutations and queries that a change can begin with. */

import { $, h } from './dom.ts'
import type { Editors } from './editors.ts'
import { say } from './message.ts'
import type { Offer } from './offer.ts'
import { type Call, calls, callStarter } from './schema.ts'
import { typed } from './store.ts'

const select = (): HTMLSelectElement => $<HTMLSelectElement>('calls')
const valueOf = ({ kind, field }: Call): string => `${kind} ${field}`

export class Calls {
  constructor(
    private readonly offer: Offer,
    private readonly editors: Editors,
  ) {}

  show(): void {
    const { schema } = this.offer
    const list = select()
    list.hidden = !schema
    if (!schema) return
    const all = calls(schema)
    const group = (kind: Call['kind'], label: string) => {
      const options = all.filter((call) => call.kind === kind).map((call) => h('option', { value: valueOf(call) }, call.field))
      return options.length > 0 ? h('optgroup', { label }, ...options) : null
    }
    list.replaceChildren(h('option', { value: '' }, 'Begin with…'), ...[group('mutation', 'Mutations'), group('query', 'Queries')].filter((one) => one !== null))
    const now = all.find((call) => callStarter(schema, call) === typed.change)
    list.value = now ? valueOf(now) : ''
    list.onchange = () => {
      const call = all.find((one) => valueOf(one) === list.value)
      if (call) this.use(call)
    }
  }

  use(call: Call): void {
    const { schema } = this.offer
    if (!schema) return
    this.editors.showChange(callStarter(schema, call), '')
    select().value = valueOf(call)
  }

  /** Whether nobody typed a change. */
  get untouched(): boolean {
    const { schema } = this.offer
    return typed.change.trim() === '' || Boolean(schema && calls(schema).some((call) => callStarter(schema, call) === typed.change))
  }

  /** The change in the editor is another. */
  edited(): void {
    say('send-message', '')
    select().value = ''
  }
}
