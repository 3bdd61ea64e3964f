// The page as a whole: policy, paths, weight, time, memory, sharing, contrast, screenshots.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { get } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { chat, close, graphql, launch, open, require, root, scene } from './harness.mjs'

const axe = require('axe-core').source
let server
let browser

before(async () => {
  browser = await launch()
  server = await chat()
})
after(async () => {
  await close()
  await server.kill()
})

const SIZES = [
  [1440, 900],
  [768, 1024],
  [360, 740],
]

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

/** How many bytes come over the wire. */
function compressedSize(address) {
  return new Promise((done, failed) => {
    get(address, { headers: { 'accept-encoding': 'gzip' } }, async (response) => {
      let size = 0
      for await (const chunk of response) size += chunk.length
      assert.equal(response.headers['content-encoding'], 'gzip')
      done(size)
    }).on('error', failed)
  })
}

/** What `work` takes, in milliseconds, on the machine whose second counts; one that is slower gets longer. */
const WORK = 400

/** A browser's work that has nothing to do with the page: a process begun, text read, elements made and laid out. */
async function work() {
  const started = performance.now()
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.evaluate(() => {
    for (let part = 0; part < 6; part++) {
      const code = Array.from({ length: 500 }, (_, at) => `function f${at}(a, b) { return a * ${at + part} + b.toString() + '${at}' }`).join(';')
      const named = new Function(`${code}; return [${Array.from({ length: 500 }, (_, at) => `f${at}(1, 2)`)}]`)()
      const place = document.createElement('div')
      place.append(...named.map((text) => Object.assign(document.createElement('p'), { textContent: text })))
      document.body.replaceChildren(place)
      place.getBoundingClientRect()
    }
  })
  const took = performance.now() - started
  await context.close()
  return took
}

describe('the page', () => {
  test('is light, painted and ready to complete within a second', async (context) => {
    const figures = async () => {
      const ui = await open(server.page)
      const { paint, ready } = await ui.page.evaluate(() => ({
        paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
        ready: performance.getEntriesByName('schema-ready')[0]?.startTime,
      }))
      await ui.end()
      return { paint, ready, work: await work() }
    }
    await figures()
    // The best of five: what else the machine does is not the page's.
    const all = []
    while (all.length < 5) all.push(await figures())
    context.diagnostic(JSON.stringify(all))
    const best = (name) => Math.min(...all.map((one) => one[name]))
    const second = 1_000 * Math.max(1, best('work') / WORK)
    const size = await compressedSize(server.page)
    context.diagnostic(`${size} bytes compressed, a second is ${Math.round(second)} ms`)
    assert.ok(size > 0 && size < 600 * 1024, `${size} bytes`)
    assert.ok(best('paint') < second, `painted after ${best('paint')} ms`)
    assert.ok(best('ready') < second, `ready after ${best('ready')} ms`)
  })

  test('asks no other host', async () => {
    const others = []
    const ui = await open(server.page, { before: (page) => page.on('request', (request) => new URL(request.url()).host === new URL(server.origin).host || others.push(request.url())) })
    await ui.$('#run').click()
    await ui.live('Message')
    assert.deepEqual(others.filter((url) => !url.startsWith('data:')), [])
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

describe('what it looks like', () => {
  mkdirSync(`${root}target/screenshots`, { recursive: true })

  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of SIZES) {
      test(`${width}×${height}, ${colorScheme}`, { timeout: 180_000 }, async () => {
        const ui = await open(server.page, { viewport: { width, height }, colorScheme })
        const phone = width < 700
        const view = async (name) => phone && (await ui.$(`.views [data-view=${name}]`).click())
        let shot = 0
        const look = async (name) => {
          await ui.page.screenshot({ path: `${root}target/screenshots/${width}-${colorScheme}-${++shot}-${name}.png`, animations: 'disabled' })
          await fits(ui, name)
          await accessible(ui, name)
        }
        await look('begin')
        await view('live')
        await look('steps')
        await view('subscribe')
        await ui.run('subscription Everything { messageSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE) { ok } }')
        await ui.live('Everything')
        await view('change')
        const { data } = await ui.send('mutation { createMessage(room: 1, text: "Shall we ship on Friday?") { id text } }')
        await ui.$('#tab-answer').click()
        await look('answer')
        const id = data.createMessage.id
        await graphql(server, `mutation { updateMessage(id: ${id}, text: "We ship on Friday", priority: 3, pinned: true) { id } }`)
        await view('subscribe')
        await ui.run('subscription Users { userSubscription(channelId: "", action: ALL_ACTIONS, operation: SUBSCRIBE, data: [ID, NAME]) { ok } }')
        await ui.run('subscription Refused { noteSubscription(channelId: "of-another", action: CREATE, operation: SUBSCRIBE) { ok } }')
        await ui.$('#run-message.bad').waitFor()
        await look('refused')
        await graphql(server, 'mutation { createUser(name: "Grace Hopper", tenant: 1) { id } }')
        await graphql(server, 'mutation { createMessages(room: 1, texts: ["one", "two", "a rather long message that does not fit into one line of the list, whatever the width of the screen may be"]) { id } }')
        await graphql(server, `mutation { deleteMessage(id: ${id}) }`)
        await view('live')
        await ui.until(() => document.querySelectorAll('.row').length >= 7)
        await ui.page.locator('.row', { has: ui.page.locator('.badge.update') }).locator('.head').click()
        await ui.$('.detail').waitFor()
        await look('events')
        await view('subscribe')
        await ui.write('Subscription', 'subscription { messageSubscription(action: CREATE, wrong: 1) { ok nothing } }')
        await ui.$('.cm-lintRange-error').first().waitFor()
        await ui.page.keyboard.press('Control+Home')
        for (let step = 0; step < 35; step++) await ui.page.keyboard.press('ArrowRight')
        await ui.page.keyboard.press('Control+Space')
        await ui.$('.cm-tooltip-autocomplete').waitFor()
        await look('completion')
        await ui.page.keyboard.press('Escape')
        await ui.$('#open-settings').click()
        await look('settings')
        await ui.page.keyboard.press('Escape')
        if (width < 1280) {
          await ui.$('#open-streams').click()
          await look('streams')
          await ui.$('#close-streams').click()
        }
        await ui.$('#tab-headers').click()
        await look('headers')
        await ui.end()
      })
    }
  }
})

describe('what it looks like while the server is away', () => {
  for (const [width, height] of SIZES) {
    test(`${width}×${height}`, async () => {
      const mortal = await chat()
      const ui = await open(mortal.page, { viewport: { width, height }, colorScheme: 'dark' })
      await ui.$('#run').click()
      await ui.live('Message')
      await mortal.kill()
      await ui.until(() => /attempt [3-9]/.test(document.querySelector('#state-text').textContent))
      if (width < 700) await ui.$('.views [data-view=live]').click()
      await ui.page.screenshot({ path: `${root}target/screenshots/${width}-dark-away.png`, animations: 'disabled' })
      await fits(ui, 'away')
      await accessible(ui, 'away')
      assert.equal(await ui.$('#state-text').evaluate((element) => element.scrollWidth > element.clientWidth + 1), false)
      await ui.end()
    })
  }
})

/** Nothing sticks out of the page, and no button's or label's text is cut without a sign. */
async function fits(ui, name) {
  const wrong = await ui.page.evaluate(() => {
    const wrong = []
    if (document.documentElement.scrollWidth > innerWidth) wrong.push(`the page is ${document.documentElement.scrollWidth} wide`)
    const cut = (element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).textOverflow !== 'ellipsis'
    for (const element of document.querySelectorAll('button, h1, h2, h3, label span, .count, .state')) {
      const box = element.getBoundingClientRect()
      if (box.width === 0 || box.height === 0 || element.closest('.row, .cards, .cm-editor')) continue
      if (box.right > innerWidth + 0.5 || box.left < -0.5) wrong.push(`${element.id || element.textContent} is out of the page`)
      const panel = element.closest('.panel')?.getBoundingClientRect()
      if (panel && (box.right > panel.right + 0.5 || box.left < panel.left - 0.5)) wrong.push(`${element.id || element.textContent} is out of its panel`)
      // A badge may hang over the edge of its button.
      if (cut(element) && !element.matches('.tool')) wrong.push(`${element.id || element.textContent} is cut`)
    }
    // Neighbours in a row of controls do not overlap.
    for (const row of document.querySelectorAll('.top, .link, .panel-head, .bar, .tabs, .views')) {
      const boxes = [...row.children].map((child) => [child, child.getBoundingClientRect()]).filter(([, box]) => box.width > 0)
      for (const [index, [one, a]] of boxes.entries()) {
        for (const [other, b] of boxes.slice(index + 1)) {
          if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) wrong.push(`${one.id || one.className} overlaps ${other.id || other.className}`)
        }
      }
    }
    return wrong
  })
  assert.deepEqual(wrong, [], name)
}

async function accessible(ui, name) {
  // By the debugger, which the page's policy does not bind.
  await ui.page.evaluate(axe)
  const { violations } = await ui.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }))
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`).join(' | ')}`)
  assert.deepEqual(said, [], name)
}
