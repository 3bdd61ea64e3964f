/** Puts the page together. */

import { Calls } from './calls.ts'
import { Changes } from './changes.ts'
import { config } from './config.ts'
import { $, text } from './dom.ts'
import { Editors } from './editors.ts'
import { FirstSteps } from './first_steps.ts'
import { Link } from './link.ts'
import { Live } from './live.ts'
import { Offer } from './offer.ts'
import { offersSnapshot } from './schema.ts'
import { Server } from './server.ts'
import { settings } from './settings.ts'
import { Sharing } from './sharing.ts'
import { Starters } from './starters.ts'
import { Streams } from './streams.ts'
import { Subscriptions } from './subscriptions.ts'
import { themeChoice } from './theme_choice.ts'
import { views } from './views.ts'

document.title = config.title
text($('title'), config.title)
themeChoice()

const server = new Server()

const live = new Live({
  cleared: () => subscriptions.forgetCounts(),
  drawn: showSteps,
})

const firstSteps = new FirstSteps(live.events, {
  unfilter: () => live.filter(''),
  run: () => subscriptions.run(),
  send: () => void changes.send(),
})

/** At once, not with the next drawing: a second click on what begins a subscription would stop it. */
function showSteps(): void {
  firstSteps.show(subscriptions.running().length > 0)
}

const link = new Link(
  {
    wanted: () => subscriptions.wanted(),
    addresses: () => server.addresses(),
    headers: () => server.headers(),
    post: (request, signal) => server.post(request, signal),
    notice: (sentence, bad) => live.notice(sentence, bad),
    changed: (subscription) => subscriptions.changed(subscription),
    event(subscription, raw) {
      const { action, cursor } = live.add(subscription, raw)
      if (!subscription) return
      if (cursor !== null) subscription.cursor = cursor
      subscriptions.count(subscription, action)
    },
  },
  {
    state({ name }) {
      if (name === 'on' && offer.known.state === 'away') void offer.learn()
      subscriptions.show()
    },
    end: () => subscriptions.stopAll(),
    chosen() {
      streams.show()
      starters.follow()
    },
  },
)

const editors = new Editors({
  run: () => subscriptions.run(),
  send: () => void changes.send(),
  changed(name) {
    if (name === 'document' || name === 'variables') subscriptions.edited()
    if (name === 'document') streams.showChosen()
    if (name === 'change') calls.edited()
  },
})

const subscriptions = new Subscriptions(server, link, editors, (field) => offersSnapshot(offer.schema, field), () => {
  streams.showRunning()
  showSteps()
  live.refresh()
})
const changes = new Changes(server, editors, live.meter)

const offer = new Offer((body) => server.post(body), learned)
const calls = new Calls(offer, editors)
const starters = new Starters(offer, editors, calls)
const streams = new Streams(offer, starters, subscriptions, link)

function learned(): void {
  const { schema, known } = offer
  editors.setSchema(schema)
  streams.show()
  calls.show()
  starters.begin()
  document.documentElement.dataset.schema = known.state
  if (schema) performance.mark('schema-ready')
  live.refresh()
}

const sharing = new Sharing(editors, (protocol) => link.choose(protocol))

views((name) => {
  if (name === 'live') live.feed.draw()
})
$('open-settings').addEventListener(
  'click',
  settings(server.parameters, (parameters) => {
    server.parameters = parameters
    // Another user, perhaps: both the schema and the channel are asked for anew.
    link.renew()
    void offer.learn()
  }),
)

streams.show()
await sharing.open()
link.connection.connect()
await offer.learn(window.introspected)
addEventListener('hashchange', () => void sharing.open())
