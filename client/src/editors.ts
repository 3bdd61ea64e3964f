/** The editors of the page and the tabs that they are in. What is typed is remembered. */

import type { EditorView } from '@codemirror/view'
import type { GraphQLSchema } from 'graphql'
import { $ } from './dom.ts'
import { editor, type EditorOptions, setSchema, setText } from './editor.ts'
import { remember, typed } from './store.ts'
import { tabs } from './tabs.ts'

export type EditorName = 'document' | 'variables' | 'headers' | 'change' | 'changeVariables'

interface Actions {
  run(): void
  send(): void
  /** The text is another, by typing or by `put`. */
  changed(name: EditorName): void
}

/** The editors that are filled; headers are only ever typed. */
const FILLED = ['document', 'variables', 'change', 'changeVariables'] as const

type Look = Pick<EditorOptions, 'language' | 'label' | 'hint'> & {
  /** The end of the ids of its tab and its pane. */
  place: string
}

const LOOKS: Record<EditorName, Look> = {
  document: { place: 'document', language: 'graphql', label: 'Subscription', hint: 'subscription { … }' },
  variables: { place: 'variables', language: 'json', label: 'Variables of the subscription', hint: '{ }' },
  headers: { place: 'headers', language: 'json', label: 'Headers', hint: '{ "authorization": "Bearer …" }' },
  change: { place: 'change', language: 'graphql', label: 'Change', hint: 'mutation { … }' },
  changeVariables: { place: 'change-variables', language: 'json', label: 'Variables of the change', hint: '{ }' },
}

const NAMES = Object.keys(LOOKS) as EditorName[]

export class Editors {
  private readonly document: EditorView
  private readonly change: EditorView
  /** Those behind other tabs are made when they are first shown: making one takes its time. */
  private readonly made: Partial<Record<EditorName, EditorView>> = {}
  private readonly tabs = [...document.querySelectorAll<HTMLElement>('[role="tablist"]')].map((list) => tabs(list, (id) => {
    const name = NAMES.find((name) => id === `tab-${LOOKS[name].place}`)
    if (name) this.show(name)
  }))

  constructor(private readonly actions: Actions) {
    this.document = this.show('document')
    this.change = this.show('change')
  }

  private show(name: EditorName): EditorView {
    return (this.made[name] ??= editor($(`pane-${LOOKS[name].place}`), {
      ...LOOKS[name],
      text: typed[name],
      onRun: () => (name.startsWith('change') ? this.actions.send() : this.actions.run()),
      onChange: (text) => this.changed(name, text),
    }))
  }

  private changed(name: EditorName, text: string): void {
    remember(name, text)
    this.actions.changed(name)
  }

  /** Where the cursor is, so that it chooses one of several operations. */
  cursor(name: 'document' | 'change'): number {
    return this[name].state.selection.main.head
  }

  put(values: Partial<Record<(typeof FILLED)[number], string>>): void {
    for (const name of FILLED) {
      const value = values[name]
      const made = this.made[name]
      if (value === undefined) continue
      if (made) setText(made, value)
      else if (value !== typed[name]) this.changed(name, value)
    }
  }

  showSubscription(document: string, variables: string): void {
    this.put({ document, variables })
    this.tabs[0]!.show('tab-document')
  }

  showChange(change: string, changeVariables: string): void {
    this.put({ change, changeVariables })
    this.tabs[1]!.show('tab-change')
  }

  setSchema(schema: GraphQLSchema | undefined): void {
    setSchema(this.document, schema)
    setSchema(this.change, schema)
  }
}
