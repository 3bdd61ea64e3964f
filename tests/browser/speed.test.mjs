// What takes time: the page begins, a hundred thousand events arrive, content is hostile. Run alone.

import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { chat, close, launch, open, openTapped } from './harness.mjs'
import { ALL, follow, write } from './messages.mjs'

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
})

describe('a hundred thousand events', () => {
  test('stay smooth', { timeout: 300_000 }, async (context) => {
    const ui = await follow(server)
    const gaps = () =>
      ui.page.evaluate(() => {
        window.frames_ = []
        let last = performance.now()
        const frame = (now) => {
          window.frames_.push(now - last)
          last = now
          window.frame_ = requestAnimationFrame(frame)
        }
        window.frame_ = requestAnimationFrame(frame)
      })
    const result = () =>
      ui.page.evaluate(() => {
        cancelAnimationFrame(window.frame_)
        const sorted = window.frames_.slice(1).sort((a, b) => a - b)
        return { frames: sorted.length, median: sorted[sorted.length >> 1], p95: sorted[Math.floor(sorted.length * 0.95)], worst: sorted.at(-1) }
      })
    await gaps()
    const started = performance.now()
    // In flight are two batches at most: a reader that leaves more than 1,024 frames waiting misses
    // what comes after them.
    const batch = Array.from({ length: 500 }, (_, index) => `event number ${index} of a batch`)
    for (let sent = 0; sent < 100_000; sent += 500) {
      await write(server, batch)
      await ui.until((least) => Number(document.querySelector('.card .total').textContent.replace(/\D/g, '')) >= least, sent - 500)
    }
    await ui.received(100_000)
    const arriving = await result()
    context.diagnostic(`arriving: ${JSON.stringify(arriving)} in ${Math.round(performance.now() - started)} ms`)
    assert.ok(arriving.p95 < 250, JSON.stringify(arriving))
    assert.ok((await ui.$('.row').count()) < 80, 'only what is in sight is in the document')

    await gaps()
    await ui.page.evaluate(async () => {
      const feed = document.querySelector('#feed')
      for (let step = 1; step <= 60; step++) {
        feed.scrollTop = (feed.scrollHeight / 60) * step
        await new Promise(requestAnimationFrame)
      }
    })
    const scrolling = await result()
    context.diagnostic(`scrolling: ${JSON.stringify(scrolling)}`)
    assert.ok(scrolling.p95 < 100, JSON.stringify(scrolling))
    await ui.until(() => [...document.querySelectorAll('.row')].some((row) => row.getAttribute('aria-posinset') === '100000'))

    const took = await ui.page.evaluate(async () => {
      const before = performance.now()
      const filter = document.querySelector('#filter')
      filter.value = '"number 7 of"'
      filter.dispatchEvent(new Event('input'))
      while (document.querySelector('#total').textContent !== '200 of 100,000') await new Promise(requestAnimationFrame)
      return performance.now() - before
    })
    context.diagnostic(`filtering: ${Math.round(took)} ms`)
    assert.ok(took < 2_000, `${took} ms`)
    await ui.end()
  })
})

describe('hostile content', () => {
  test('of any size and depth leaves the page quick', async () => {
    const [ui, send] = await openTapped(server.page)
    await ui.run(ALL)
    await ui.live('All')
    const frame = (data) => send(`{"stream": "messages", "payload": {"action": "create", "model": "chat.message", "data": ${data}}}`)
    frame(`{"id": 1, "text": ${JSON.stringify('x'.repeat(5_000_000))}}`)
    frame(`{"id": 2, "meta": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
    frame(`{"id": 3, "meta": ${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`)
    frame(`{"id": 9223372036854775807, "list": [${Array.from({ length: 50_000 }, (_, index) => index).join()}]}`)
    frame('{"id": ')
    send('no JSON at all')
    send('{"stream": 5, "payload": null}')
    send('[]')
    await ui.received(8)
    const rows = await ui.rows()
    assert.ok(rows.some(({ id }) => id === '#9223372036854775807'), 'numbers keep all their digits')
    const slowest = await ui.page.evaluate(async () => {
      let slowest = 0
      for (const head of document.querySelectorAll('.row button.head')) {
        const before = performance.now()
        head.click()
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
        slowest = Math.max(slowest, performance.now() - before)
      }
      return slowest
    })
    assert.ok(slowest < 2_000, `${slowest} ms`)
    assert.ok((await ui.$('.detail .more').count()) >= 2, 'what is too long is cut, and says so')
    await ui.end()
  })
})
