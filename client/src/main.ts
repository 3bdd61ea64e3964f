/** Puts the page together. */

import type { EditorView } from '@codemirror/view'
import type { GraphQLSchema } from 'graphql'
import { Cards } from './cards.ts'
import { addresses, config, PROTOCOL_NAMES, PROTOCOLS, type Protocol } from './config.ts'
import { argumentValue, jsonObject, type Operation, operationAt, request, type Request } from './document.ts'
import { $, copy, h, icon, paced, plural, text } from './dom.ts'
import { editor, setSchema, setText } from './editor.ts'
import { eventOf, Events } from './events.ts'
import { download, Feed } from './feed.ts'
import { tree } from './json.ts'
import { Meter } from './meter.ts'
import type { Answer, Connection, Host, State, Subscription } from './protocol/common.ts'
import { firstError } from './protocol/common.ts'
import { Sse } from './protocol/sse.ts'
import { TransportWs } from './protocol/transport_ws.ts'
import { TwoChannel } from './protocol/two_channel.ts'
import { type Call, callFor, calls, callStarter, fits, introspect, type Known, type Stream, streams, subscriptionStarter } from './schema.ts'
import { settings } from './settings.ts'
import { remember, shareAddress, sharedByAddress, typed } from './store.ts'
import { tabs } from './tabs.ts'
import { toast } from './toast.ts'

const COLOURS = 8

let parameters: [string, string][] = typed.parameters ?? config.parameters
let known: Known = { state: 'loading' }
let found: Stream[] = []
const subscriptions: Subscription[] = []
let nextSubscription = 1

// ---------------------------------------------------------------- the feed

const events = new Events()
const meter = new Meter()
let unread = 0
const feed = new Feed($('feed'), events, toast, (count) => {
  unread = count === 0 ? 0 : unread + count
  $('newer').hidden = unread === 0
  text($('newer-text'), `${plural(unread, 'newer event')}`)
})

const refresh = paced(() => {
  feed.render()
  const { length, total } = events
  text($('total'), events.filtered ? `${length.toLocaleString('en')} of ${total.toLocaleString('en')}` : total === 0 ? '' : total.toLocaleString('en'))
  $('total').title = events.dropped > 0 ? `${plural(events.dropped, 'older event')} made room` : ''
  text($('nav-total'), events.received === 0 ? '' : short(events.received))
  text($('pause-text'), events.paused ? (events.held > 0 ? `Resume (${short(events.held)})` : 'Resume') : 'Pause')
  showEmpty()
})

function short(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact' }).format(count)
}

function notice(sentence: string, bad = false): void {
  events.add({ time: Date.now(), kind: 'notice', bad, subscription: null, stream: '', action: '', id: '', model: '', data: sentence, raw: sentence, latency: null })
  refresh()
}

/** What there is to do while nothing has come yet. */
function showEmpty(): void {
  const place = $('empty')
  if (events.length > 0) {
    place.replaceChildren()
    place.dataset.shown = ''
    return
  }
  const live = subscriptions.some(({ wanted }) => wanted)
  const key = events.filtered ? 'filtered' : events.total > 0 ? 'paused' : `steps ${live} ${known.state} ${$('run-text').textContent}`
  if (place.dataset.shown === key) return
  place.dataset.shown = key
  if (events.filtered) {
    place.replaceChildren(h('h3', null, 'No event matches the filter'), h('button.secondary', { type: 'button', onclick: () => setFilter('') }, 'Remove the filter'))
  } else if (events.total > 0) {
    place.replaceChildren(h('h3', null, 'Paused'), h('p', null, 'New events wait until you resume.'))
  } else {
    const step = (number: string, title: string, hint: string, state: string, onclick: () => void, symbol: string) => {
      const mark = state === 'done' ? h('span.number', null, icon('check')) : h('span.number', null, number)
      const element = h('button.step', { type: 'button', onclick }, mark, h('span', null, h('b', null, title), h('small', null, hint)), state === 'done' ? null : icon(symbol))
      if (state) element.classList.add(state)
      return element
    }
    place.replaceChildren(
      h('h3', null, live ? 'Waiting for events' : 'See a subscription work'),
      h(
        'div.steps',
        null,
        live
          ? step('1', 'Subscribed', 'Changes arrive here as they happen', 'done', () => view('subscribe'), 'check')
          : step('1', 'Subscribe', 'Runs the document in the editor', 'next', () => run(), 'play'),
        step('2', 'Make a change', 'Sends the mutation in the editor', live ? 'next' : '', () => void send(), 'send'),
      ),
    )
  }
}

// ---------------------------------------------------------------- the connection

const host: Host = {
  wanted: () => subscriptions.filter((one) => one.wanted && one.protocol === typed.protocol),
  addresses: () => addresses(parameters),
  headers,
  post,
  notice,
  state: showState,
  changed(subscription) {
    cards.update(subscription)
    showRunning()
  },
  event(subscription, raw) {
    const event = events.add(eventOf(subscription, raw, Date.now()))
    if (subscription) {
      subscription.total++
      subscription.counts[event.action] = (subscription.counts[event.action] ?? 0) + 1
      cards.update(subscription)
    }
    meter.count(event.latency)
    refresh()
  },
}

const connections: Record<Protocol, Connection> = {
  'two-channel': new TwoChannel(host),
  'transport-ws': new TransportWs(host),
  sse: new Sse(host),
}

function connection(): Connection {
  return connections[typed.protocol]
}

/** The headers of every request: what the editor holds, as far as they are strings. */
function headers(): Record<string, string> {
  try {
    const all = Object.entries(jsonObject(typed.headers, 'The headers'))
    return Object.fromEntries(all.map(([name, value]) => [name, String(value)]))
  } catch {
    return {}
  }
}

async function post(body: Request | object, signal?: AbortSignal): Promise<Answer> {
  const started = performance.now()
  const response = await fetch(addresses(parameters).http, {
    method: 'POST',
    headers: { accept: 'application/graphql-response+json, application/json;q=0.9', ...headers(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
    cache: 'no-store',
  })
  const answer = await response.text()
  let parsed: unknown = null
  try {
    parsed = JSON.parse(answer)
  } catch {
    // Shown as the text that it is.
  }
  return { status: response.status, text: answer, body: parsed, took: performance.now() - started }
}

let countdown = 0

function showState(state: State, channel: string): void {
  clearInterval(countdown)
  const place = $('state')
  place.dataset.state = state.name
  place.toggleAttribute('data-bad', state.name === 'off' && Boolean(state.reason))
  const write = (): void => {
    const label = describe(state)
    text($('state-text'), label)
    place.title = label
  }
  write()
  if (state.name === 'waiting') countdown = window.setInterval(write, 500)
  $('retry').hidden = state.name !== 'waiting'
  text($('connect'), state.name === 'off' ? 'Connect' : 'Disconnect')
  $('channel').hidden = channel === ''
  text($('channel-id'), channel)
  $('channel').title = `Copy the channel id ${channel}`
  if (state.name === 'on' && known.state === 'away') void learn()
  showRunning()
}

function describe(state: State): string {
  switch (state.name) {
    case 'on':
      return typed.protocol === 'sse' ? 'Ready' : 'Connected'
    case 'connecting':
      return state.attempt > 0 ? `Connecting, attempt ${state.attempt + 1}` : 'Connecting'
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((state.until - Date.now()) / 1000))
      return `Reconnecting in ${seconds} s, attempt ${state.attempt + 1}: ${state.reason}`
    }
    case 'off':
      return state.reason ? `Not connected: ${state.reason}` : 'Not connected'
  }
}

function endAll(): void {
  for (const one of subscriptions) {
    if (!one.wanted) continue
    one.wanted = false
    one.generation++
    one.status = 'stopped'
    host.changed(one)
  }
}

function setProtocol(protocol: Protocol): void {
  if (protocol === typed.protocol) return
  const before = connection()
  if (typed.protocol === 'sse') for (const one of host.wanted()) before.stop(one)
  endAll()
  before.disconnect()
  remember('protocol', protocol)
  showProtocol()
  connection().connect()
  showStreams()
  if (known.state === 'known') begin(known.schema)
  // A document that nobody touched follows the protocol.
  const pristine = starterOf(typed.document)
  if (pristine && !fits(pristine, protocol)) {
    const fitting = found.filter((stream) => fits(stream, protocol))
    const next = fitting.find(({ title }) => title === pristine.title) ?? fitting[0]
    if (next) pick(next)
  }
}

function showProtocol(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name="protocol"]')) input.checked = input.value === typed.protocol
  text(
    $('headers-note'),
    {
      'two-channel': 'Sent with every request. A browser cannot send headers with a WebSocket: use query parameters for that.',
      'transport-ws': 'Sent with every request, and as the payload of connection_init. They count from the next connect.',
      sse: 'Sent with every request and with every stream.',
    }[typed.protocol],
  )
}

// ---------------------------------------------------------------- the editors

const editors: Record<'document' | 'variables' | 'headers' | 'change' | 'changeVariables', EditorView> = {
  document: editor($('pane-document'), {
    language: 'graphql',
    label: 'Subscription',
    text: typed.document,
    hint: 'subscription { … }',
    onChange(value) {
      remember('document', value)
      say('run-message', '')
      showRunning()
      showChosen()
    },
    onRun: run,
  }),
  variables: editor($('pane-variables'), {
    language: 'json',
    label: 'Variables of the subscription',
    text: typed.variables,
    hint: '{ }',
    onChange(value) {
      remember('variables', value)
      say('run-message', '')
      showRunning()
    },
    onRun: run,
  }),
  headers: editor($('pane-headers'), {
    language: 'json',
    label: 'Headers',
    text: typed.headers,
    hint: '{ "authorization": "Bearer …" }',
    onChange: (value) => remember('headers', value),
    onRun: run,
  }),
  change: editor($('pane-change'), {
    language: 'graphql',
    label: 'Change',
    text: typed.change,
    hint: 'mutation { … }',
    onChange(value) {
      remember('change', value)
      say('send-message', '')
      $<HTMLSelectElement>('calls').value = ''
    },
    onRun: () => void send(),
  }),
  changeVariables: editor($('pane-change-variables'), {
    language: 'json',
    label: 'Variables of the change',
    text: typed.changeVariables,
    hint: '{ }',
    onChange: (value) => remember('changeVariables', value),
    onRun: () => void send(),
  }),
}

const [subscribeTabs, changeTabs] = [...document.querySelectorAll<HTMLElement>('[role="tablist"]')].map((list) => tabs(list))

/** Where the cursor is, so that it chooses one of several operations. */
function cursor(view: EditorView): number {
  return view.state.selection.main.head
}

// ---------------------------------------------------------------- running subscriptions

const cards = new Cards({
  show(subscription) {
    setText(editors.document, subscription.text)
    setText(editors.variables, subscription.variablesText)
    subscribeTabs!.show('tab-document')
    view('subscribe')
  },
  toggle: (subscription) => (subscription.wanted ? stop(subscription) : start(subscription)),
  remove(subscription) {
    if (subscription.wanted) stop(subscription)
    subscriptions.splice(subscriptions.indexOf(subscription), 1)
    cards.remove(subscription)
    showRunning()
  },
})

/** The subscription that the editor shows, if it was run. */
function current(): Subscription | undefined {
  const same = subscriptions.filter((one) => one.text === typed.document && one.variablesText === typed.variables && one.protocol === typed.protocol)
  return same.find(({ wanted }) => wanted) ?? same.at(-1)
}

function say(place: string, sentence: string, bad = true): void {
  const element = $(place)
  element.hidden = sentence === ''
  element.classList.toggle('bad', bad)
  text(element, sentence)
}

/** Runs the document in the editor, or stops it when it runs. */
function run(): void {
  say('run-message', '')
  const running = current()
  if (running?.wanted) {
    stop(running)
    return
  }
  try {
    const operation = operationAt(typed.document, cursor(editors.document))
    const variables = jsonObject(typed.variables, 'The variables')
    jsonObject(typed.headers, 'The headers')
    if (operation.kind !== 'subscription') throw new Error(`This is a ${operation.kind}: send it with “Make a change”.`)
    if (operation.twoChannel !== (typed.protocol === 'two-channel')) throw new Error(wrongProtocol(operation))
    addresses(parameters)
    if (running && running.operation.name === operation.name) {
      start(running)
    } else {
      const subscription: Subscription = {
        id: nextSubscription,
        title: operation.name ?? operation.field,
        colour: (nextSubscription - 1) % COLOURS,
        text: typed.document,
        variablesText: typed.variables,
        operation,
        variables,
        protocol: typed.protocol,
        status: 'waiting',
        error: '',
        wanted: false,
        stream: '',
        counts: {},
        total: 0,
        generation: 0,
      }
      nextSubscription++
      subscriptions.push(subscription)
      cards.add(subscription)
      start(subscription)
    }
  } catch (error) {
    say('run-message', (error as Error).message)
    view('subscribe')
  }
}

function wrongProtocol({ field }: Operation): string {
  return typed.protocol === 'two-channel'
    ? `${field} streams its results: choose ${PROTOCOL_NAMES['transport-ws']} or ${PROTOCOL_NAMES.sse} above.`
    : `${field} belongs to the two-channel protocol: choose it above.`
}

function start(subscription: Subscription): void {
  if (subscription.protocol !== typed.protocol) setProtocol(subscription.protocol)
  // For the server these are one: the new one replaces what the old one asked to be sent.
  const identity = identityOf(subscription)
  for (const other of identity === null ? [] : host.wanted()) {
    if (other === subscription || identityOf(other) !== identity) continue
    other.wanted = false
    other.generation++
    other.status = 'stopped'
    other.error = `Replaced by ${subscription.title}, which differs in data alone.`
    host.changed(other)
  }
  subscription.wanted = true
  connection().start(subscription)
  showRunning()
  refresh()
}

function identityOf({ operation, variables }: Subscription): string | null {
  if (!operation.twoChannel) return null
  const parts = ['action', 'id', 'filters'].map((name) => argumentValue(operation, variables, name) ?? null)
  return JSON.stringify([operation.field, ...parts])
}

function stop(subscription: Subscription): void {
  subscription.wanted = false
  connection().stop(subscription)
  showRunning()
  refresh()
}

function showRunning(): void {
  const running = current()?.wanted ?? false
  text($('run-text'), running ? 'Stop' : 'Subscribe')
  $('run-icon').setAttribute('href', running ? '#i-stop' : '#i-play')
  $('run').classList.toggle('running', running)
  const failed = current()
  if (failed?.status === 'failed') say('run-message', failed.error)
  else if (failed && $('run-message').classList.contains('bad')) say('run-message', '')
  for (const item of document.querySelectorAll<HTMLElement>('.stream[data-field]')) {
    const field = item.dataset.field
    const on = subscriptions.some((one) => one.wanted && one.operation.field === field)
    const button = item.querySelector<HTMLElement>('.go')!
    if (button.classList.toggle('running', on) !== (button.dataset.on === 'true')) {
      button.dataset.on = String(on)
      button.replaceChildren(icon(on ? 'stop' : 'play'))
      const label = `${on ? 'Stop' : 'Subscribe to'} ${item.dataset.title}`
      button.setAttribute('aria-label', label)
      button.title = label
    }
  }
  refresh()
}

// ---------------------------------------------------------------- making changes

let sending = 0

async function send(): Promise<void> {
  say('send-message', '')
  let body: Request
  try {
    const operation = operationAt(typed.change, cursor(editors.change))
    if (operation.kind === 'subscription') throw new Error('This is a subscription: run it in the editor for subscriptions.')
    jsonObject(typed.headers, 'The headers')
    body = request(operation, jsonObject(typed.changeVariables, 'The variables'))
  } catch (error) {
    say('send-message', (error as Error).message)
    view('change')
    return
  }
  const turn = ++sending
  meter.changeSent()
  const place = $('pane-answer')
  const mark = $('answer-mark')
  try {
    const answer = await post(body)
    if (turn !== sending) return
    const error = firstError(answer.body)
    const bad = error !== null || answer.status >= 400
    const facts = h('p.facts', null, h('b', null, `${answer.status}`), ` in ${answer.took < 10 ? answer.took.toFixed(1) : Math.round(answer.took)} ms`)
    facts.classList.toggle('bad', bad)
    place.replaceChildren(facts, answer.body === null ? h('pre.json', null, answer.text.slice(0, 20_000)) : tree(answer.text, undefined, null))
    mark.className = `mark ${bad ? 'bad' : 'good'}`
    say('send-message', bad ? (error ?? `The server answered with status ${answer.status}.`) : `Done in ${Math.round(answer.took)} ms.`, bad)
  } catch (error) {
    mark.className = 'mark bad'
    place.replaceChildren(h('p.note', null, `The request failed: ${(error as Error).message}`))
    say('send-message', 'The request failed. Is the server there?')
  }
}

// ---------------------------------------------------------------- the schema

async function learn(): Promise<void> {
  known = await introspect(post)
  const schema = known.state === 'known' ? known.schema : undefined
  setSchema(editors.document, schema)
  setSchema(editors.change, schema)
  found = schema ? streams(schema) : []
  showStreams()
  showCalls()
  if (schema) begin(schema)
  document.documentElement.dataset.schema = known.state
  if (schema) performance.mark('schema-ready')
  refresh()
}

/** Fills empty editors with something that runs. */
function begin(schema: GraphQLSchema): void {
  const first = found.find((stream) => fits(stream, typed.protocol))
  if (typed.document.trim() === '' && first) setText(editors.document, subscriptionStarter(schema, first.field))
  if (typed.change.trim() === '') {
    const call = callFor(schema, starterOf(typed.document)?.field ?? first?.field ?? '')
    if (call) useCall(call)
  }
  showChosen()
}

/** The stream whose starter this is, if nobody touched it. */
function starterOf(value: string): Stream | undefined {
  if (known.state !== 'known' || value === '') return undefined
  const { schema } = known
  return found.find(({ field }) => value.includes(field) && subscriptionStarter(schema, field) === value)
}

function pick(stream: Stream): void {
  if (known.state !== 'known') return
  const { schema } = known
  setText(editors.document, subscriptionStarter(schema, stream.field))
  setText(editors.variables, '')
  subscribeTabs!.show('tab-document')
  const untouched = typed.change.trim() === '' || calls(schema).some((call) => callStarter(schema, call) === typed.change)
  const call = callFor(schema, stream.field)
  if (untouched && call) useCall(call)
}

function useCall(call: Call): void {
  if (known.state !== 'known') return
  setText(editors.change, callStarter(known.schema, call))
  setText(editors.changeVariables, '')
  changeTabs!.show('tab-change')
  $<HTMLSelectElement>('calls').value = `${call.kind} ${call.field}`
}

function showCalls(): void {
  const select = $<HTMLSelectElement>('calls')
  select.hidden = known.state !== 'known'
  if (known.state !== 'known') return
  const { schema } = known
  const all = calls(schema)
  const group = (kind: Call['kind'], label: string) => {
    const options = all.filter((call) => call.kind === kind).map(({ field }) => h('option', { value: `${kind} ${field}` }, field))
    return options.length > 0 ? h('optgroup', { label }, ...options) : null
  }
  select.replaceChildren(h('option', { value: '' }, 'Begin with…'), ...[group('mutation', 'Mutations'), group('query', 'Queries')].filter((one) => one !== null))
  const now = all.find((call) => callStarter(schema, call) === typed.change)
  select.value = now ? `${now.kind} ${now.field}` : ''
  select.onchange = () => {
    const call = all.find(({ kind, field }) => `${kind} ${field}` === select.value)
    if (call) useCall(call)
  }
}

function showStreams(): void {
  const list = $('stream-list')
  const note = $('streams-note')
  const fitting = found.filter((stream) => fits(stream, typed.protocol))
  const wanted = $<HTMLInputElement>('streams-filter').value.trim().toLowerCase()
  $('streams-search').hidden = fitting.length < 8
  const shown = fitting.filter(({ field, title }) => `${field} ${title}`.toLowerCase().includes(wanted))
  text($('streams-count'), fitting.length === 0 ? '' : wanted ? `${shown.length} of ${fitting.length}` : String(fitting.length))
  list.replaceChildren(
    ...shown.map((stream) => {
      const choose = () => {
        pick(stream)
        closeStreams()
        view('subscribe')
      }
      const go = () => {
        const running = subscriptions.filter((one) => one.wanted && one.operation.field === stream.field)
        if (running.length > 0) {
          for (const one of running) stop(one)
          return
        }
        pick(stream)
        closeStreams()
        run()
      }
      return h(
        'li.stream',
        { 'data-field': stream.field, 'data-title': stream.title },
        h('button.pick', { type: 'button', title: stream.description || stream.field, onclick: choose }, h('b', null, stream.title), h('span', null, stream.description || stream.field)),
        h('button.go', { type: 'button', 'aria-label': `Subscribe to ${stream.title}`, title: `Subscribe to ${stream.title}`, onclick: go }, icon('play')),
      )
    }),
  )
  note.hidden = false
  const others = found.length - fitting.length
  if (known.state === 'loading') note.replaceChildren('Reading the schema…')
  else if (known.state === 'away') note.replaceChildren('The server does not answer: its streams are shown when it does.')
  else if (known.state === 'off') note.replaceChildren(`The server does not tell its schema, so keywords are all there is to complete. Documents run all the same. (${known.reason.slice(0, 160)})`)
  else if (found.length === 0) note.replaceChildren('The schema has no subscription.')
  else if (others > 0) {
    const target: Protocol = typed.protocol === 'two-channel' ? 'transport-ws' : 'two-channel'
    const change = h('button', { type: 'button', onclick: () => setProtocol(target) }, PROTOCOL_NAMES[target])
    note.replaceChildren(`${others} more over `, change, target === 'transport-ws' ? ' or SSE.' : '.')
  } else note.hidden = true
  showChosen()
  showRunning()
}

function showChosen(): void {
  let field: string | undefined
  try {
    field = operationAt(typed.document, 0).field
  } catch {
    // Half a document belongs to no stream.
  }
  for (const item of document.querySelectorAll<HTMLElement>('.stream[data-field]')) item.classList.toggle('chosen', item.dataset.field === field)
}

function closeStreams(): void {
  $('streams').classList.remove('shown')
}

// ---------------------------------------------------------------- the rest of the page

function view(name: string): void {
  $('board').dataset.view = name
  for (const button of document.querySelectorAll<HTMLElement>('.views button')) {
    if (button.dataset.view === name) button.setAttribute('aria-current', 'true')
    else button.removeAttribute('aria-current')
  }
  if (name === 'live') feed.draw()
}

function setFilter(value: string): void {
  const input = $<HTMLInputElement>('filter')
  if (input.value !== value) input.value = value
  remember('filter', value)
  events.filter(value)
  feed.reset()
  refresh()
}

function setTheme(theme: 'auto' | 'light' | 'dark'): void {
  remember('theme', theme)
  document.documentElement.dataset.wanted = theme
  dispatchEvent(new Event('graphex-theme'))
  const label = `Theme: ${theme === 'auto' ? 'as the system' : theme}`
  $('theme').title = label
  $('theme').setAttribute('aria-label', label)
}

function wire(): void {
  document.title = config.title
  text($('title'), config.title)
  setTheme(typed.theme)
  $('run').addEventListener('click', run)
  $('send').addEventListener('click', () => void send())
  $('connect').addEventListener('click', () => {
    if (connection().state.name === 'off') connection().connect()
    else {
      endAll()
      connection().disconnect()
    }
  })
  $('retry').addEventListener('click', () => connection().retry())
  $('channel').addEventListener('click', async () => toast((await copy(connection().channel)) ? 'The channel id is copied.' : 'The browser did not allow to copy.'))
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name="protocol"]')) {
    input.addEventListener('change', () => setProtocol(input.value as Protocol))
  }
  $('theme').addEventListener('click', () => {
    const next = ({ auto: 'light', light: 'dark', dark: 'auto' } as const)[typed.theme]
    setTheme(next)
    toast(`Theme: ${next === 'auto' ? 'as the system' : next}.`)
  })
  $('share').addEventListener('click', async () => {
    const link = await shareAddress()
    history.replaceState(null, '', link)
    toast((await copy(link)) ? 'The link is copied. Headers and parameters stay here.' : 'The link is in the address bar.')
  })
  $('open-settings').addEventListener(
    'click',
    settings(parameters, (now) => {
      parameters = now
      remember('parameters', now)
      // Another user, perhaps: both the schema and the channel are asked for anew.
      const { name } = connection().state
      const resumed = host.wanted()
      connection().disconnect()
      if (name !== 'off') connection().connect()
      for (const one of resumed) if (connection().state.name === 'on') connection().start(one)
      void learn()
    }),
  )
  $('open-streams').addEventListener('click', () => $('streams').classList.add('shown'))
  $('close-streams').addEventListener('click', closeStreams)
  $('streams-filter').addEventListener('input', showStreams)
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closeStreams()
  })
  document.addEventListener('pointerdown', (event) => {
    const target = event.target as HTMLElement
    if (!target.closest('#streams, #open-streams')) closeStreams()
  })
  for (const button of document.querySelectorAll<HTMLElement>('.views button')) button.addEventListener('click', () => view(button.dataset.view!))
  const narrow = matchMedia('(max-width: 699px)')
  const hint = () => ($<HTMLInputElement>('filter').placeholder = narrow.matches ? 'Filter' : 'Filter: hello action:update -id:7')
  narrow.addEventListener('change', hint)
  hint()
  let typing = 0
  const filter = $<HTMLInputElement>('filter')
  filter.addEventListener('input', () => {
    clearTimeout(typing)
    typing = window.setTimeout(() => setFilter(filter.value), 120)
  })
  $('pause').addEventListener('click', () => {
    const paused = !events.paused
    events.pause(paused)
    $('pause').setAttribute('aria-pressed', String(paused))
    $('pause-icon').setAttribute('href', paused ? '#i-play' : '#i-pause')
    refresh()
  })
  $('clear').addEventListener('click', () => {
    events.clear()
    for (const one of subscriptions) {
      one.total = 0
      one.counts = {}
      cards.update(one)
    }
    feed.reset()
    refresh()
  })
  $('export').addEventListener('click', () => {
    const count = download(events)
    toast(`${plural(count, 'event')} exported.`)
  })
  $('newer').addEventListener('click', () => feed.toTop())
}

async function openShared(): Promise<void> {
  const shared = await sharedByAddress()
  if (!shared) return
  history.replaceState(null, '', location.pathname + location.search)
  const before = { ...typed }
  const put = (values: Partial<typeof typed>): void => {
    for (const name of ['document', 'variables', 'change', 'changeVariables'] as const) {
      const value = values[name]
      if (value !== undefined) setText(editors[name], value)
    }
    if (values.protocol && PROTOCOLS.includes(values.protocol)) setProtocol(values.protocol)
  }
  put(shared)
  const lost = before.document.trim() !== '' && before.document !== shared.document
  toast('Opened a shared link. Nothing runs until you say so.', lost ? { label: 'Undo', run: () => put(before) } : undefined)
}

wire()
if (!PROTOCOLS.includes(typed.protocol)) typed.protocol = 'two-channel'
showProtocol()
setFilter(typed.filter)
showState({ name: 'off' }, '')
showStreams()
await openShared()
connection().connect()
await learn()
addEventListener('hashchange', () => void openShared())
