/** The editors: CodeMirror with GraphQL's own language service behind it. */

import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands'
import { json, jsonParseLinter } from '@codemirror/lang-json'
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic, linter, nextDiagnostic, previousDiagnostic } from '@codemirror/lint'
import { EditorState, type Extension } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  placeholder,
  tooltips,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { getSchema, graphql, graphqlLanguage, updateSchema } from 'cm6-graphql'
import { GraphQLError, type GraphQLSchema, parse } from 'graphql'

const theme = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'transparent', fontSize: '13px', height: '100%' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { padding: '10px 0', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0 12px 0 6px' },
  '.cm-gutters': { backgroundColor: 'var(--panel)', color: 'var(--faint)', border: 'none', paddingLeft: '6px' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '24px', padding: '0 6px 0 2px' },
  '.cm-activeLine': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLine': { backgroundColor: 'var(--line)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent' },
  '&.cm-focused .cm-activeLineGutter': { color: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'var(--selection)',
  },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--bracket)', outline: '1px solid var(--accent)' },
  '&.cm-focused .cm-nonmatchingBracket': { backgroundColor: 'var(--bad-soft)' },
  '.cm-placeholder': { color: 'var(--muted)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--text)',
    border: '1px solid var(--border)',
    borderRadius: '8px',
    boxShadow: 'var(--shadow)',
    overflow: 'hidden',
    maxWidth: 'min(460px, calc(100vw - 16px))',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12.5px', maxHeight: '15em' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px', display: 'flex', gap: '16px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'var(--accent-fill)', color: '#fff' },
  '.cm-completionLabel': { flex: '1' },
  '.cm-completionDetail': { fontStyle: 'normal', color: 'var(--muted)', marginLeft: 'auto' },
  'li[aria-selected] .cm-completionDetail': { color: '#fff' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-tooltip.cm-completionInfo': { padding: '8px 10px', fontSize: '12.5px', maxWidth: '320px', overflow: 'auto', maxHeight: '220px' },
  '.cm-tooltip-lint': { padding: '0' },
  '.cm-diagnostic': { padding: '8px 12px', fontSize: '12.5px', borderLeft: '3px solid var(--bad)', whiteSpace: 'pre-wrap' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--warn)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--bad) 1.2px', textUnderlineOffset: '3px', paddingBottom: '0' },
  '.cm-lintRange-warning': { backgroundImage: 'none', textDecoration: 'underline wavy var(--warn) 1.2px', textUnderlineOffset: '3px', paddingBottom: '0' },
  '.cm-lintPoint-error:after': { borderBottomColor: 'var(--bad)' },
})

const highlight = HighlightStyle.define([
  { tag: [tags.definitionKeyword, tags.keyword, tags.modifier], color: 'var(--s-keyword)' },
  { tag: [tags.propertyName], color: 'var(--s-field)' },
  { tag: [tags.attributeName], color: 'var(--s-argument)' },
  { tag: [tags.variableName], color: 'var(--s-variable)' },
  { tag: [tags.string], color: 'var(--s-string)' },
  { tag: [tags.number, tags.integer, tags.float], color: 'var(--s-number)' },
  { tag: [tags.bool, tags.null, tags.special(tags.name)], color: 'var(--s-word)' },
  { tag: [tags.atom, tags.typeName], color: 'var(--s-type)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--muted)', fontStyle: 'italic' },
  { tag: [tags.punctuation, tags.paren, tags.brace, tags.separator], color: 'var(--muted)' },
])

const KEYWORDS = [
  ['query', 'asks for data'],
  ['mutation', 'changes data'],
  ['subscription', 'follows data'],
  ['fragment', 'names a selection'],
  ['on', 'the type of a fragment'],
  ['true', ''],
  ['false', ''],
  ['null', ''],
  ['@include', 'if: …'],
  ['@skip', 'if: …'],
  ['__typename', 'the name of the type'],
]

/** Without a schema the language itself is all there is to complete. */
function keywords(context: CompletionContext): CompletionResult | null {
  if (getSchema(context.state)) return null
  const word = context.matchBefore(/[@\w]+/)
  if (!word && !context.explicit) return null
  return {
    from: word ? word.from : context.pos,
    options: KEYWORDS.map(([label, detail]) => ({ label: label!, detail: detail!, type: 'keyword' })),
    validFor: /^[@\w]*$/,
  }
}

/** Without a schema the syntax can still be wrong. */
const syntax = linter((view): Diagnostic[] => {
  if (getSchema(view.state)) return []
  const text = view.state.doc.toString()
  if (text.trim() === '') return []
  try {
    parse(text)
    return []
  } catch (error) {
    if (!(error instanceof GraphQLError)) return []
    const at = Math.min(error.positions?.[0] ?? 0, Math.max(0, text.length - 1))
    return [{ from: at, to: Math.min(at + 1, text.length), severity: 'error', message: error.message }]
  }
})

const isObject = linter((view): Diagnostic[] => {
  const text = view.state.doc.toString()
  if (text.trim() === '') return []
  const wrong = jsonParseLinter()(view)
  if (wrong.length > 0 || text.trim().startsWith('{')) return wrong
  return [{ from: 0, to: text.length, severity: 'error', message: 'This must be a JSON object.' }]
})

export interface EditorOptions {
  language: 'graphql' | 'json'
  label: string
  text: string
  hint?: string
  onChange: (text: string) => void
  onRun: () => void
}

export function editor(parent: HTMLElement, options: EditorOptions): EditorView {
  const language: Extension =
    options.language === 'graphql'
      ? [graphql(), graphqlLanguage.data.of({ autocomplete: keywords }), syntax]
      : [json(), isObject]
  const run = () => {
    options.onRun()
    return true
  }
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        keymap.of([
          { key: 'Mod-Enter', run },
          { key: 'Tab', run: acceptCompletion },
          { key: 'Tab', run: indentMore },
          { key: 'Shift-Tab', run: indentLess },
          { key: 'F8', run: nextDiagnostic },
          { key: 'Shift-F8', run: previousDiagnostic },
        ]),
        lineNumbers(),
        highlightActiveLineGutter(),
        highlightSpecialChars(),
        history(),
        drawSelection(),
        EditorState.allowMultipleSelections.of(true),
        EditorState.tabSize.of(2),
        indentUnit.of('  '),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false, maxRenderedOptions: 200 }),
        highlightActiveLine(),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
        tooltips({ position: 'fixed' }),
        language,
        theme,
        syntaxHighlighting(highlight),
        options.hint ? placeholder(options.hint) : [],
        EditorView.contentAttributes.of({ 'aria-label': options.label, tabindex: '0', spellcheck: 'false', autocapitalize: 'off' }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString())
        }),
      ],
    }),
  })
}

/** Replaces the text; undo brings the old one back. */
export function setText(view: EditorView, text: string): void {
  if (view.state.doc.toString() === text) return
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, userEvent: 'input.replace', scrollIntoView: true, selection: { anchor: 0 } })
}

export function setSchema(view: EditorView, schema: GraphQLSchema | undefined): void {
  updateSchema(view, schema)
}
