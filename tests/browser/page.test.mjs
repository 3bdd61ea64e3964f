// The page as a whole: policy, paths, what it remembers, sharing, keys.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { chat, close, graphql, launch, open, scene } from './harness.mjs'

let server

before(async () => {
  await launch()
  server = await chat()
})
after(async () => {
  await close()
  await server.kill()
})

describe('the server', () => {
  test('sends a strict policy, and the page keeps it', async () => {
    const response = await fetch(server.page)
    const policy = response.headers.get('content-security-policy')
    assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ]+' 'sha256-[^ ]+'; style-src 'sha256-[^ ]+';/)
    assert.doesNotMatch(policy, /unsafe|\*|http:/)
    const ui = await open(server.page)
    const ran = await ui.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = 1'
      document.body.append(script)
      const image = document.createElement('div')
      image.setAttribute('onclick', 'window.ran = 2')
      image.click()
      return window.ran
    })
    assert.equal(ran, undefined)
    await ui.until(() => window.violations.length >= 2)
    await ui.page.evaluate(() => (window.violations = []))
    ui.faults.length = 0
    await ui.end()
  })

  test('answers a page that the browser has with 304', async () => {
    const first = await fetch(server.page)
    const again = await fetch(server.page, { headers: { 'if-none-match': first.headers.get('etag') } })
    assert.equal(again.status, 304)
    assert.equal((await fetch(server.page, { headers: { 'accept-encoding': 'identity' } })).headers.get('content-encoding'), null)
  })

  test('leads to the page from / and without the last slash', async () => {
    const ui = await open(server.origin)
    assert.equal(ui.page.url(), server.page)
    assert.equal(await ui.page.title(), 'Chat')
    await ui.page.goto(server.page.slice(0, -1))
    assert.equal(ui.page.url(), server.page)
    await ui.end()
  })

  test('serves a page that works behind nest', async () => {
    const nested = await scene('nested')
    const ui = await open(`${nested.origin}/deep/er/graphql/client/`)
    assert.equal(await ui.page.title(), 'Notes')
    await ui.$('#run').click()
    await ui.live('Note')
    await ui.$('#send').click()
    await ui.counts('Note', 1)
    await ui.end()
    await nested.kill()
  })

  test('may have paths and a title that want to break out', async () => {
    const hostile = await scene('hostile-paths')
    const ui = await open(hostile.page)
    assert.equal(await ui.page.evaluate(() => window.broken), undefined)
    assert.equal(await ui.$('#title').textContent(), `</title></script><script>window.broken=1</script>"'\\`)
    await ui.$('#run').click()
    await ui.live('Note')
    await ui.$('#send').click()
    await ui.counts('Note', 1)
    await ui.end()
    await hostile.kill()
  })
})

describe('the page', () => {
  test('asks no other host', async () => {
    const others = []
    const ui = await open(server.page, { before: (page) => page.on('request', (request) => new URL(request.url()).host === new URL(server.origin).host || others.push(request.url())) })
    await ui.$('#run').click()
    await ui.live('Message')
    assert.deepEqual(others.filter((url) => !url.startsWith('data:')), [])
    await ui.end()
  })

  test('begins one subscription by a double click', async () => {
    const ui = await open(server.page)
    await ui.until(() => document.querySelector('.empty .step.next'))
    // Both before anything is drawn.
    await ui.page.evaluate(() => {
      for (const _ of [1, 2]) document.querySelector('.empty .step').click()
    })
    await ui.until(() => document.querySelector('.card')?.dataset.status === 'live')
    assert.equal(await ui.$('.card').count(), 1)
    assert.equal(await ui.$('.empty .step.next b').textContent(), 'Make a change')
    await ui.end()
  })

  test('remembers what was typed', async () => {
    const ui = await open(server.page)
    await ui.write('Subscription', '# mine')
    await ui.$('#tab-variables').click()
    await ui.write('Variables of the subscription', '{"a": 1}')
    await ui.$('#tab-headers').click()
    await ui.write('Headers', '{"x-a": "b"}')
    await ui.write('Change', '# also mine')
    await ui.$('#filter').fill('kept')
    await ui.until(() => document.querySelector('#filter').value === 'kept' && /kept/.test(localStorage.getItem(`graphex-client:${location.pathname}`)))
    await ui.page.reload()
    await ui.connected()
    assert.equal(await ui.read('Subscription'), '# mine')
    assert.equal(await ui.read('Change'), '# also mine')
    assert.equal(await ui.$('#filter').inputValue(), 'kept')
    await ui.$('#tab-variables').click()
    assert.equal(await ui.read('Variables of the subscription'), '{"a": 1}')
    await ui.$('#tab-headers').click()
    assert.equal(await ui.read('Headers'), '{"x-a": "b"}')
    await ui.$('#open-settings').click()
    await ui.$('#forget').click()
    await ui.connected()
    await ui.until(() => /subscription Message/.test(document.querySelector('[aria-label=Subscription]').textContent))
    await ui.end()
  })

  test('is shared by its address, without headers, and runs nothing by itself', async () => {
    const ui = await open(server.page)
    await ui.write('Subscription', 'subscription Shared { userSubscription(channelId: "", action: CREATE, operation: SUBSCRIBE) { ok } }')
    await ui.$('#tab-headers').click()
    await ui.write('Headers', '{"authorization": "secret"}')
    await ui.$('#share').click()
    await ui.$('.toast').waitFor()
    const link = await ui.page.evaluate(() => navigator.clipboard.readText())
    assert.match(link, /#share=[\w-]+$/)
    await ui.end()
    const other = await open(link)
    await other.until(() => /Shared/.test(document.querySelector('[aria-label=Subscription]').textContent))
    assert.equal(await other.$('.card').count(), 0)
    assert.equal(new URL(other.page.url()).hash, '')
    await other.$('#tab-headers').click()
    assert.doesNotMatch(await other.read('Headers'), /secret/)
    await other.$('#run').click()
    await other.live('Shared')
    // What stood there before comes back.
    await other.$('#tab-document').click()
    await other.write('Subscription', '# my own')
    await other.page.evaluate((hash) => (location.hash = hash), new URL(link).hash)
    await other.page.getByRole('button', { name: 'Undo' }).click()
    assert.equal(await other.read('Subscription'), '# my own')
    await other.end()
  })

  test('is light or dark as the system is, or as one says', async () => {
    const ui = await open(server.page, { colorScheme: 'dark' })
    const theme = () => ui.page.getAttribute('html', 'data-theme')
    assert.equal(await theme(), 'dark')
    await ui.$('#theme').click()
    assert.equal(await theme(), 'light')
    await ui.page.reload()
    assert.equal(await theme(), 'light')
    await ui.$('#theme').click()
    assert.equal(await theme(), 'dark')
    await ui.$('#theme').click()
    assert.equal(await theme(), 'dark')
    await ui.page.emulateMedia({ colorScheme: 'light' })
    await ui.until(() => document.documentElement.dataset.theme === 'light')
    await ui.end()
  })

  test('is worked with the keyboard alone', async () => {
    const ui = await open(server.page)
    const focused = () => ui.page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.className)
    const reached = new Set()
    for (let press = 0; press < 60; press++) {
      await ui.page.keyboard.press('Tab')
      const now = await focused()
      reached.add(now)
      // An editor takes Tab; Escape before it leaves.
      if (now === 'Subscription' || now === 'Change') await ui.page.keyboard.press('Escape')
    }
    for (const id of ['channel', 'connect', 'open-settings', 'share', 'theme', 'run', 'tab-document', 'Subscription', 'calls', 'send', 'Change', 'filter', 'pause', 'clear', 'export']) {
      assert.ok(reached.has(id), `${id} is not reached: ${[...reached].join(', ')}`)
    }
    await ui.$('#run').focus()
    await ui.page.keyboard.press('Enter')
    await ui.live('Message')
    await ui.$('#tab-document').focus()
    await ui.page.keyboard.press('ArrowRight')
    assert.equal(await ui.$('#pane-variables').isVisible(), true)
    await ui.$('#send').focus()
    await ui.page.keyboard.press('Enter')
    await ui.counts('Message', 1)
    await ui.end()
  })
})
