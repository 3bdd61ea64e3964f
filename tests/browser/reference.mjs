// The reference servers of graphql-transport-ws and of GraphQL over SSE, with the page before
// them: what the page says to these, it says as the specifications want it.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { require } from './harness.mjs'

const { buildSchema } = require('graphql')
const { createHandler } = require('graphql-sse/lib/use/http')
const { useServer } = require('graphql-ws/use/ws')
const { WebSocketServer } = require('ws')
const { graphql, parse, subscribe, validate } = require('graphql')

const schema = buildSchema(`
  enum ActionSubscriptionEnum { CREATE UPDATE DELETE ALL_ACTIONS }
  enum ChangeAction { CREATE UPDATE DELETE }
  type Message { id: Int! text: String! }
  type MessageChange { action: ChangeAction! id: ID! model: String! data: Message! }
  type Query { messages: [Message!]! header(name: String!): String }
  type Mutation { createMessage(text: String!): Message! updateMessage(id: Int!, text: String!): Message! }
  type Subscription {
    "The messages."
    messageChanges(action: ActionSubscriptionEnum! = ALL_ACTIONS, id: ID): MessageChange!
    "Three numbers, and it is over."
    countdown: Int!
    "What connection_init or the request brought."
    greeting(name: String!): String!
  }
`)

const messages = new Map()
const listeners = new Set()

function tell(action, message) {
  for (const listener of listeners) listener({ messageChanges: { action, id: message.id, model: 'reference.message', data: { ...message } } })
}

async function* changes({ action, id }) {
  const waiting = []
  let wake = () => {}
  const listener = (change) => {
    const { messageChanges: one } = change
    if (action !== 'ALL_ACTIONS' && one.action !== action) return
    if (id != null && String(one.id) !== id) return
    waiting.push(change)
    wake()
  }
  listeners.add(listener)
  try {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift()
      await new Promise((done) => (wake = done))
    }
  } finally {
    listeners.delete(listener)
  }
}

const roots = (headers) => ({
  messages: () => [...messages.values()],
  header: ({ name }) => headers[name] ?? null,
  createMessage({ text }) {
    const message = { id: messages.size + 1, text }
    messages.set(message.id, message)
    tell('CREATE', message)
    return message
  },
  updateMessage({ id, text }) {
    const message = { id, text }
    messages.set(id, message)
    tell('UPDATE', message)
    return message
  },
  messageChanges: changes,
  async *countdown() {
    for (const countdown of [3, 2, 1]) yield { countdown }
  },
  async *greeting({ name }) {
    yield { greeting: `hello ${headers[name] ?? 'nobody'}` }
  },
})

/** What is to be executed, or what is wrong with it. */
function execution({ query, operationName, variables }, headers) {
  const document = parse(query)
  const errors = validate(schema, document)
  return errors.length > 0 ? errors : { schema, document, operationName, variableValues: variables, rootValue: roots(headers) }
}

/** Stamps each result, as a server may that wants its latency seen. */
const stamped = (result) => ({ ...result, extensions: { ...result.extensions, sentAt: Date.now() } })

const sse = createHandler({
  schema,
  context: (request) => request.raw.headers,
  onSubscribe(request, params) {
    const made = execution(params, request.raw.headers)
    const refusal = { status: 400, statusText: 'Bad Request', headers: { 'content-type': 'application/json' } }
    return Array.isArray(made) ? [JSON.stringify({ errors: made }), refusal] : made
  },
  onNext: (_, __, result) => stamped(result),
})

const page = () => {
  const read = (name) => readFileSync(new URL(`../../graphex-runtime/src/transport/client/${name}`, import.meta.url), 'utf8')
  const config = JSON.stringify({ title: 'Reference', ws: '/ws/', http: '/graphql', parameters: [] })
  const policy = `default-src 'none'; ${read('policy.txt')}; img-src data:; connect-src 'self'`
  const body = `${read('head.html')}<title>Reference</title><meta name="graphex-client" content="${config.replaceAll('"', '&quot;')}">${read('tail.html')}`
  return { policy, body }
}

const server = createServer(async (request, response) => {
  if (request.url.startsWith('/graphql/client/')) {
    const { policy, body } = page()
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy })
    response.end(body)
  } else if (request.headers.accept?.includes('text/event-stream')) {
    await sse(request, response)
  } else {
    let body = ''
    for await (const chunk of request) body += chunk
    const { query, variables, operationName } = JSON.parse(body)
    const answer = await graphql({ schema, source: query, rootValue: roots(request.headers), variableValues: variables, operationName })
    response.writeHead(answer.data === undefined ? 400 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  }
})

useServer(
  {
    schema,
    roots: {},
    subscribe: (args) => subscribe(args),
    onSubscribe: (context, _, payload) => execution(payload, context.connectionParams ?? {}),
    onNext: (_, __, ___, ____, result) => stamped(result),
    onConnect: ({ connectionParams }) => connectionParams?.refuse !== 'yes',
  },
  new WebSocketServer({ server, path: '/graphql' }),
)

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))
