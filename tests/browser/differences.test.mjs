// What only one protocol has.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { chat, close, graphql, launch, open, openTapped, reference } from './harness.mjs'

before(launch)
after(close)

describe('what only one protocol has', () => {
  let server
  let standardServer
  before(async () => {
    server = await chat()
    standardServer = await reference()
  })
  after(() => Promise.all([server.kill(), standardServer.kill()]))

  test('the channel id is shown, copied, and filled into documents', async () => {
    const ui = await open(server.page)
    const id = await ui.$('#channel-id').textContent()
    assert.ok(id.length > 20)
    await ui.$('#channel').click()
    await ui.$('.toast').waitFor()
    assert.equal(await ui.page.evaluate(() => navigator.clipboard.readText()), id)
    // Without the argument, with an empty one, and by a variable of another name.
    for (const [title, head, argument] of [
      ['Absent', '', ''],
      ['Empty', '', 'channelId: ""'],
      ['Renamed', '($it: String!)', 'channelId: $it'],
    ]) {
      const sent = ui.page.waitForRequest((request) => request.method() === 'POST' && request.postData().includes(title))
      await ui.run(`subscription ${title}${head} { userSubscription(${argument} action: CREATE, operation: SUBSCRIBE, id: ${title.length}) { ok } }`)
      assert.ok((await sent).postData().includes(id))
      await ui.live(title)
    }
    await ui.end()
  })

  test('a foreign channel id is not replaced, and refused', async () => {
    const ui = await open(server.page)
    await ui.run('subscription Foreign { userSubscription(channelId: "of-somebody-else", action: CREATE, operation: SUBSCRIBE) { ok } }')
    await ui.card('Foreign').and(ui.page.locator('[data-status=failed]')).waitFor()
    await ui.end()
  })

  test('parameters say who one is, and changing them reconnects', async () => {
    const ui = await open(server.page)
    await ui.run('subscription Messages { messageSubscription(channelId: "", action: CREATE, operation: SUBSCRIBE) { ok } }')
    await ui.live('Messages')
    const before = await ui.$('#channel-id').textContent()
    await ui.$('#open-settings').click()
    assert.match(await ui.$('#addresses').textContent(), /ws:\/\/127[^ ]*\/ws\/\?user=1/)
    await ui.page.getByLabel('Value of the parameter').fill('3')
    await ui.page.keyboard.press('Enter')
    await ui.until((before) => !['', before].includes(document.querySelector('#channel-id').textContent), before)
    await ui.live('Messages')
    // Now eve, who is of another tenant, so what bob writes is not for her.
    await graphql(server, 'mutation { createMessage(room: 1, text: "of bob") { id } }', {}, 2)
    await graphql(server, 'mutation { createMessage(room: 1, text: "of eve") { id } }', {}, 3)
    await ui.counts('Messages', 1)
    assert.match((await ui.rows())[0].json, /of eve/)
    await ui.end()
  })

  test('a subscription that differs in data alone replaces the other', async () => {
    const ui = await open(server.page)
    const document = (title, data) => `subscription ${title} { userSubscription(channelId: "", action: CREATE, operation: SUBSCRIBE, data: ${data}) { ok } }`
    await ui.run(document('First', '[ID]'))
    await ui.live('First')
    await ui.run(document('Second', '[NAME]'))
    await ui.live('Second')
    await ui.card('First').and(ui.page.locator('[data-status=stopped]')).waitFor()
    assert.match(await ui.card('First').textContent(), /Replaced by Second/)
    await ui.end()
  })

  test('two subscriptions that both match get a frame each', async () => {
    const ui = await open(server.page)
    await ui.run('subscription All { noteSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE) { ok } }')
    await ui.live('All')
    await ui.run('subscription One { noteSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE, id: 1) { ok } }')
    await ui.live('One')
    await graphql(server, 'mutation { createNote(text: "first") { id } }')
    await graphql(server, 'mutation { createNote(text: "second") { id } }')
    await ui.counts('All', 2)
    await ui.counts('One', 1)
    await ui.end()
  })

  test('a resync frame is shown as what it is', async () => {
    const [ui, send] = await openTapped(server.page)
    await ui.run('subscription Users { userSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE) { ok } }')
    await ui.live('Users')
    send(JSON.stringify({ stream: 'users', payload: { action: 'resync', model: 'chat.user' } }))
    await ui.counts('Users', 1)
    const [row] = await ui.rows()
    assert.equal(row.action, 'resync')
    assert.match(row.json, /may have been missed/)
    await ui.end()
  })

  test('what comes with a change log beside changes is shown as what it is', async () => {
    const ui = await open(server.page)
    await ui.protocol('transport-ws')
    await ui.run('subscription Pinned { messageChanges(ready: true, filters: { pinned: true }) { action id data { text } } }')
    await ui.counts('Pinned', 1)
    const { createMessage: { id } } = await graphql(server, 'mutation { createMessage(room: 1, text: "note") { id } }')
    for (const pinned of [true, false]) await graphql(server, `mutation { updateMessage(id: ${id}, pinned: ${pinned}) { id } }`)
    await ui.counts('Pinned', 3)
    // Rows are drawn with the next frame.
    await ui.until(() => document.querySelectorAll('.row .badge.leave').length === 1)
    const rows = await ui.rows()
    assert.deepEqual(rows.map(({ action }) => action), ['leave', 'enter', 'ready'])
    assert.match(rows[2].json, /stands/)
    const ids = await ui.$('.row .id').allTextContents()
    assert.deepEqual(ids.toSorted(), [`#${id}`, `#${id}`, '–'].toSorted())
    await ui.end()
  })

  test('a switch lets a subscription begin with the rows that there are', async () => {
    await graphql(server, 'mutation { createMessage(room: 1, text: "was there") { id } }')
    const filters = 'filters: { text: "was there" }'
    const changes = `subscription Rows { messageChanges(${filters}) { action id data { text } } }`
    const control = `subscription Rows { messageSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE, ${filters}) { ok } }`
    for (const protocol of ['two-channel', 'transport-ws', 'sse']) {
      const ui = await open(server.page)
      if (protocol !== 'two-channel') await ui.protocol(protocol)
      await ui.$('#snapshot').check()
      await ui.run(protocol === 'two-channel' ? control : changes)
      await ui.live('Rows')
      await ui.until(() => document.querySelectorAll('.row .badge.ready').length === 1)
      const rows = (await ui.rows()).filter(({ action }) => !['note', 'warning'].includes(action))
      assert.equal(rows[0].action, 'ready')
      assert.ok(rows.length > 1)
      for (const { action, json } of rows.slice(1)) {
        assert.equal(action, 'snapshot')
        assert.match(json, /was there/)
      }
      assert.match(await ui.card('Rows').locator('.place').getAttribute('title'), /^It goes on after v1\./)
      // What is no subscription has no switch.
      await ui.write('Subscription', '{ messages(room: 1) { id } }')
      await ui.until(() => document.querySelector('#snapshot-switch').hidden)
      await ui.end()
    }
  })

  test('the latency is the servers stamp where it stamps, and the own changes time elsewhere', async () => {
    const stamped = await open(standardServer.page, { ready: false })
    await stamped.protocol('transport-ws')
    await stamped.run('subscription Stamped { messageChanges { action id data { text } } }')
    await stamped.live('Stamped')
    await stamped.send('mutation { createMessage(text: "x") { id } }')
    await stamped.until(() => /^[\d.]+ m?s sent to arrival$/.test(document.querySelector('#latency').textContent))
    await stamped.end()
    const own = await open(server.page)
    await own.run('subscription Users { userSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE) { ok } }')
    await own.live('Users')
    await own.send('mutation { createUser(name: "zoe", tenant: 1) { id } }')
    await own.until(() => /^[\d.]+ m?s change to event$/.test(document.querySelector('#latency').textContent))
    await own.until(() => /peak [1-9]/.test(document.querySelector('#peak').textContent))
    assert.match(await own.$('#spark-line').getAttribute('d'), /^M0\.0 /)
    await own.end()
  })

  test('headers go with requests, with streams, and with connection_init', async () => {
    const ui = await open(standardServer.page, { ready: false })
    await ui.$('#tab-headers').click()
    await ui.write('Headers', '{"x-greeting": "Ada"}')
    const { data } = await ui.send('{ header(name: "x-greeting") }')
    assert.equal(data.header, 'Ada')
    for (const protocol of ['transport-ws', 'sse']) {
      await ui.protocol(protocol)
      await ui.run(`subscription Greeting { greeting(name: "x-greeting") }`)
      await ui.until((protocol) => document.querySelectorAll('.row .preview').length === (protocol === 'sse' ? 2 : 1), protocol)
      assert.match((await ui.rows())[0].json, /hello Ada/)
    }
    await ui.end()
  })

  test('a server that refuses the connection is not asked again', async () => {
    const ui = await open(standardServer.page, { ready: false })
    await ui.$('#tab-headers').click()
    await ui.write('Headers', '{"refuse": "yes"}')
    await ui.$('.protocols label:has([value=transport-ws])').click()
    await ui.$('#state[data-state=off]').waitFor()
    assert.match(await ui.$('#state-text').textContent(), /^Not connected: forbidden \(4403/)
    await ui.end()
  })

  test('a stream that ends is not started again', async () => {
    const ui = await open(standardServer.page, { ready: false })
    for (const protocol of ['transport-ws', 'sse']) {
      await ui.protocol(protocol)
      await ui.run('subscription Countdown { countdown }')
      const card = ui.card('Countdown').last()
      await card.and(ui.page.locator('[data-status=stopped]')).waitFor()
      assert.match(await card.textContent(), /3 events.*completed/)
    }
    await ui.end()
  })

  test('the list of streams follows the protocol', async () => {
    const ui = await open(standardServer.page, { ready: false })
    assert.equal(await ui.$('.stream').count(), 0)
    await ui.page.getByRole('button', { name: 'graphql-transport-ws' }).click()
    await ui.connected()
    assert.equal(await ui.$('li.stream').count(), 3)
    assert.match(await ui.read('Subscription'), /messageChanges/)
    await ui.run('subscription Two { userSubscription(channelId: "", operation: SUBSCRIBE) { ok } }')
    assert.match(await ui.$('#run-message').textContent(), /belongs to the two-channel protocol/)
    await ui.end()
  })
})
