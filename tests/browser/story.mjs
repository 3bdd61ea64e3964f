// The same story over each protocol: subscribe, see a change, stop, lose the server, come back.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { chat, close, freePort, graphql, launch, open, reference } from './harness.mjs'

before(launch)
after(close)

const withChat = {
  where: 'the chat',
  start: chat,
  create: (text) => `mutation { createMessage(room: 1, text: "${text}") { id } }`,
  update: (id, text) => `mutation { updateMessage(id: ${id}, text: "${text}") { id } }`,
}

const withReference = {
  ...withChat,
  where: 'the reference server',
  start: reference,
  create: (text) => `mutation { createMessage(text: "${text}") { id } }`,
}

const standard = {
  document: (name, action = 'ALL_ACTIONS') => `subscription ${name} { messageChanges(action: ${action}) { action id model data { id text } } }`,
  stream: 'messageChanges',
}

/** The protocol of graphex, which the reference server does not have. */
export function overTwoChannels() {
  story({
    ...withChat,
    name: 'two-channel',
    document: (name, action = 'ALL_ACTIONS') =>
      `subscription ${name}($channelId: String!) { messageSubscription(channelId: $channelId, action: ${action}, operation: SUBSCRIBE, data: [ID, TEXT]) { ok error } }`,
    stream: 'messages',
  })
}

/** A protocol that is not graphex's own, with the server of those who made it too. */
export function over(name) {
  for (const server of [withChat, withReference]) story({ ...standard, ...server, name })
}

function story({ name, document, stream, create, update, start, where }) {
  describe(`${name} with ${where}`, () => {
    let server
    before(async () => (server = await start()))
    after(() => server.kill())

    const begin = async () => {
      // The reference server has no WebSocket of the two-channel protocol.
      const ui = await open(server.page, { ready: name === 'two-channel' })
      if (name !== 'two-channel') await ui.protocol(name)
      return ui
    }

    test('one click subscribes and one click makes an event, with nothing typed', async () => {
      const ui = await begin()
      await ui.until(() => document.querySelector('.empty .step.next'))
      await ui.$('.empty .step.next').click()
      await ui.until(() => document.querySelector('.card')?.dataset.status === 'live')
      await ui.$('.empty .step.next').click()
      await ui.received(1)
      const [row] = await ui.rows()
      assert.equal(row.action, 'create')
      assert.equal(row.stream, stream)
      assert.match(row.time, /^\d\d:\d\d:\d\d\.\d\d\d$/)
      assert.match(row.id, /^#\d+$/)
      assert.match(row.json, /text: "hello"/)
      await ui.end()
    })

    test('a subscription runs and stops with the same keys', async () => {
      const ui = await begin()
      await ui.run(document('Mine'))
      await ui.live('Mine')
      assert.equal(await ui.$('#run-text').textContent(), 'Stop')
      await ui.send(create('first'))
      await ui.counts('Mine', 1)
      await ui.page.getByRole('textbox', { name: 'Subscription', exact: true }).press('Control+Enter')
      await ui.card('Mine').and(ui.page.locator('[data-status=stopped]')).waitFor()
      await ui.send(create('unheard'))
      // What the next subscription hears tells that the first one heard nothing in between.
      await ui.run(document('Other'))
      await ui.live('Other')
      await ui.send(create('heard'))
      await ui.counts('Other', 1)
      await ui.counts('Mine', 1)
      await ui.page.getByRole('textbox', { name: 'Subscription', exact: true }).press('Control+Enter')
      await ui.card('Other').and(ui.page.locator('[data-status=stopped]')).waitFor()
      await ui.end()
    })

    test('several subscriptions run at once, each with its colour and counters', async () => {
      const ui = await begin()
      await ui.run(document('Creates', 'CREATE'))
      await ui.live('Creates')
      await ui.run(document('Updates', 'UPDATE'))
      await ui.live('Updates')
      const { data } = await ui.send(create('one'))
      await ui.send(create('two'))
      await ui.send(update(data.createMessage.id, 'changed'))
      await ui.counts('Creates', 2)
      await ui.counts('Updates', 1)
      const rows = await ui.rows()
      assert.deepEqual(rows.map(({ action }) => action), ['update', 'create', 'create'])
      assert.equal(rows[1].colour, rows[2].colour)
      assert.notEqual(rows[0].colour, rows[1].colour)
      assert.equal(await ui.card('Creates').getAttribute('data-colour'), rows[1].colour)
      assert.match(await ui.card('Creates').locator('.create').textContent(), /\+2/)
      assert.match(await ui.card('Updates').locator('.update').textContent(), /~1/)
      // What an update changed is marked, with what it was.
      const changed = ui.$('.row .pair.changed').first()
      assert.match(await changed.textContent(), /text: "one" → "changed"/)
      await ui.end()
    })

    test('a document that the server refuses says why', async () => {
      const ui = await begin()
      await ui.run(document('Wrong', 'NOTHING'))
      await ui.card('Wrong').and(ui.page.locator('[data-status=failed]')).waitFor()
      await ui.$('#run-message.bad').waitFor()
      assert.match(await ui.$('#run-message').textContent(), /NOTHING/)
      await ui.run('subscription {')
      assert.match(await ui.$('#run-message').textContent(), /Line 1/)
      await ui.run('{ hello }')
      assert.match(await ui.$('#run-message').textContent(), /This is a query/)
      await ui.end()
    })

    test('the server is killed while subscribed, and comes back', async () => {
      const port = await freePort()
      const directory = mkdtempSync(join(tmpdir(), 'graphex-page-'))
      const database = join(directory, 'chat.sqlite')
      let mortal = await start(port, database)
      const ui = await open(mortal.page, { ready: name === 'two-channel' })
      if (name !== 'two-channel') await ui.protocol(name)
      const channel = await ui.$('#channel-id').textContent()
      await ui.run(document('Lasting'))
      await ui.live('Lasting')
      await ui.send(create('before'))
      await ui.counts('Lasting', 1)
      await mortal.kill()
      await ui.$('#state[data-state=waiting]').waitFor()
      assert.match(await ui.$('#state-text').textContent(), /^Reconnecting in \d+ s, attempt \d+: /)
      await ui.card('Lasting').and(ui.page.locator('[data-status=waiting], [data-status=starting]')).waitFor()
      // It goes on trying, each time later.
      await ui.until(() => /attempt [3-9]/.test(document.querySelector('#state-text').textContent))
      mortal = await start(port, database)
      // With a change log a subscription goes on where it was.
      const goesOn = start === chat
      if (goesOn) await graphql(mortal, create('meanwhile'))
      await ui.$('#state[data-state=on]').waitFor()
      await ui.live('Lasting')
      await ui.send(create('after'))
      await ui.counts('Lasting', goesOn ? 3 : 2)
      const events = (await ui.rows()).filter(({ action }) => !['note', 'warning'].includes(action))
      assert.deepEqual(events.map(({ action }) => action), Array(goesOn ? 3 : 2).fill('create'))
      if (goesOn) {
        assert.match(events[1].json, /meanwhile/)
        assert.match(await ui.card('Lasting').locator('.place').textContent(), /^at \d+$/)
      }
      const said = (await ui.rows()).map(({ said }) => said).join('\n')
      assert.match(said, /onnection lost/)
      assert.match(said, /onnected again/)
      if (goesOn) assert.match(said, /follows/)
      if (name === 'two-channel') assert.notEqual(await ui.$('#channel-id').textContent(), channel)
      await ui.end()
      await mortal.kill()
      rmSync(directory, { recursive: true, force: true })
    })

    test('disconnecting ends all, and connecting again is one click', async () => {
      const ui = await begin()
      await ui.run(document('Ended'))
      await ui.live('Ended')
      await ui.$('#connect').click()
      await ui.$('#state[data-state=off]').waitFor()
      assert.equal(await ui.$('#state-text').textContent(), 'Not connected')
      assert.equal(await ui.$('#channel').isVisible(), false)
      await ui.card('Ended').and(ui.page.locator('[data-status=stopped]')).waitFor()
      await ui.$('#connect').click()
      await ui.connected()
      await ui.card('Ended').getByRole('button', { name: 'Start Ended' }).click()
      await ui.live('Ended')
      await ui.card('Ended').getByRole('button', { name: 'Remove Ended' }).click()
      assert.equal(await ui.$('.card').count(), 0)
      await ui.end()
    })
  })
}
