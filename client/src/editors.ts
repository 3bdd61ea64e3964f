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

export class Editors {
  private readonly editors: Record<EditorName, EditorView>
  private readonly tabs = [...document.querySelectorAll<HTMLElement>('[role="tablist"]')].map((list) => tabs(list))

  constructor(actions: Actions) {
    const make = (name: EditorName, pane: string, options: Pick<EditorOptions, 'language' | 'label' | 'hint' | 'onRun'>): EditorView => {
      const onChange = (value: string): void => {
        remember(name, value)
        actions.changed(name)
      }
      return editor($(pane), { ...options, text: typed[name], onChange })
    }
    const [onRun, onSend] = [() => actions.run(), () => actions.send()]
    this.editors = {
      document: make('document', 'pane-document', { language: 'graphql', label: 'Subscription', hint: 'subscription { … }', onRun }),
      variables: make('variables', 'pane-variables', { language: 'json', label: 'Variables of the subscription', hint: '{ }', onRun }),
      headers: make('headers', 'pane-headers', { language: 'json', label: 'Headers', hint: '{ "authorization": "Bearer …" }', onRun }),
      change: make('change', 'pane-change', { language: 'graphql', label: 'Change', hint: 'mutation { … }', onRun: onSend }),
      changeVariables: make('changeVariables', 'pane-change-variables', { language: 'json', label: 'Variables of the change', hint: '{ }', onRun: onSend }),
    }
  }

  /** Where the cursor is, so that it chooses one of several operations. */
  cursor(name: 'document' | 'change'): number {
    return this.editors[name].state.selection.main.head
  }

  put(values: Partial<Record<(typeof FILLED)[number], string>>): void {
    for (const name of FILLED) {
      const value = values[name]
      if (value !== undefined) setText(this.editors[name], value)
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
    setSchema(this.editors.document, schema)
    setSchema(this.editors.change, schema)
  }
}
