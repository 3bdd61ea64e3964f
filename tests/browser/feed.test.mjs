// The feed: filter, pause, clear, export, keys, hostile content.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { chat, close, graphql, launch } from './harness.mjs'
import { follow, write } from './messages.mjs'

let server

before(async () => {
  await launch()
  server = await chat()
})
after(async () => {
  await close()
  await server.kill()
})

describe('the feed', () => {
  test('filters by words and by parts, and says how many are left', async () => {
    const ui = await follow(server)
    const [pie, apple, pear] = await write(server, ['apple pie', 'apple', 'pear'])
    await graphql(server, `mutation { updateMessage(id: ${pie}, text: "cherry pie") { id } }`)
    await graphql(server, `mutation { deleteMessage(id: ${pie}) }`)
    await ui.received(5)
    const all = [`delete #${pie}`, `update #${pie}`, `create #${pear}`, `create #${apple}`, `create #${pie}`]
    const [deleted, updated, ofPear, ofApple, ofPie] = all
    for (const [filter, ...left] of [
      ['apple', ofApple, ofPie],
      ['"apple pie"', ofPie],
      ['apple -pie', ofApple],
      ['action:update', updated],
      ['action:create pear', ofPear],
      [`id:${pie}`, deleted, updated, ofPie],
      [`id:${pie} -action:delete`, updated, ofPie],
      ['stream:messages', ...all],
      [`stream:messages id:${pear}`, ofPear],
      ['sub:all', ...all],
    ]) {
      await ui.$('#filter').fill(filter)
      await ui.shows(left)
      await ui.until((text) => document.querySelector('#total').textContent === text, `${left.length} of 5`)
    }
    await ui.$('#filter').fill('nowhere')
    await ui.page.getByRole('button', { name: 'Remove the filter' }).click()
    await ui.received(5)
    await ui.end()
  })

  test('pauses, resumes and clears', async () => {
    const ui = await follow(server)
    await write(server, ['one'])
    await ui.received(1)
    await ui.$('#pause').click()
    await write(server, ['two', 'three'])
    await ui.$('#pause-text', { hasText: 'Resume (2)' }).waitFor()
    await ui.until(() => document.querySelector('#pause-text').textContent === 'Resume (2)')
    assert.equal((await ui.rows()).length, 1)
    await ui.$('#pause').click()
    await ui.until(() => document.querySelectorAll('.row').length === 3)
    await ui.$('#clear').click()
    await ui.until(() => document.querySelectorAll('.row').length === 0)
    await ui.counts('All', 0)
    await write(server, ['four'])
    await ui.received(1)
    await ui.end()
  })

  test('exports what it shows', async () => {
    const ui = await follow(server)
    const ids = await write(server, ['to export', 'to leave'])
    await ui.received(2)
    await ui.$('#filter').fill('export')
    await ui.until(() => document.querySelector('#total').textContent === '1 of 2')
    const download = ui.page.waitForEvent('download')
    await ui.$('#export').click()
    const exported = JSON.parse(await readFile(await (await download).path(), 'utf8'))
    assert.equal(exported.length, 1)
    const [event] = exported
    assert.deepEqual([event.subscription, event.stream, event.action, event.id], ['All', 'messages', 'create', String(ids[0])])
    assert.equal(event.received.payload.data.text, 'to export')
    assert.ok(!Number.isNaN(Date.parse(event.time)))
    await ui.end()
  })

  test('opens events, and marks what an update changed', async () => {
    const ui = await follow(server)
    const [id] = await write(server, ['before'])
    await graphql(server, `mutation { updateMessage(id: ${id}, text: "after", priority: 5) { id } }`)
    await ui.received(2)
    await ui.$('.row[aria-posinset="1"] .head').click()
    const detail = ui.$('.row[aria-posinset="1"] .detail')
    await detail.waitFor()
    assert.deepEqual(await detail.locator('.line.changed').evaluateAll((lines) => lines.map((line) => `${line.textContent.trim()} ${line.dataset.was}`)), ['"text": "after", was "before"', '"priority": 5, was 0'])
    await detail.getByRole('button', { name: 'Copy' }).click()
    await ui.$('.toast').waitFor()
    assert.equal(JSON.parse(await ui.page.evaluate(() => navigator.clipboard.readText())).payload.data.text, 'after')
    // The row below makes room.
    const boxes = await ui.$('.row').evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom]).sort((a, b) => a[0] - b[0]))
    assert.ok(boxes[0][1] <= boxes[1][0] + 0.5, JSON.stringify(boxes))
    await ui.$('.row[aria-posinset="1"] .head').click()
    await detail.waitFor({ state: 'detached' })
    await ui.end()
  })

  test('is walked with the keyboard', async () => {
    const ui = await follow(server)
    await write(server, Array.from({ length: 300 }, (_, index) => `row ${index}`))
    await ui.received(300)
    await ui.$('.row[aria-posinset="1"] .head').focus()
    const at = () => ui.page.evaluate(() => document.activeElement.closest('.row')?.getAttribute('aria-posinset'))
    for (const [key, row] of [
      ['ArrowDown', '2'],
      ['ArrowDown', '3'],
      ['ArrowUp', '2'],
      ['End', '300'],
      ['Home', '1'],
    ]) {
      await ui.page.keyboard.press(key)
      assert.equal(await at(), row, key)
    }
    await ui.page.keyboard.press('Enter')
    await ui.$('.detail').waitFor()
    // New events above do not take the place away of who reads further down.
    await ui.page.keyboard.press('PageDown')
    const row = await ui.page.evaluate(() => document.activeElement.closest('.row').dataset.n)
    const top = () => ui.$(`.row[data-n="${row}"]`).evaluate((element) => Math.round(element.getBoundingClientRect().top))
    const before = await top()
    await write(server, ['above'])
    await ui.$('#newer').waitFor()
    assert.equal(await ui.$('#newer').textContent(), '1 newer event')
    assert.equal(await top(), before)
    await ui.$('#newer').click()
    await ui.$('.row[aria-posinset="1"]').waitFor()
    await ui.end()
  })
})

describe('a row', () => {
  test('has no more parts than its event', async () => {
    const ui = await follow(server)
    await write(server, ['short'])
    await ui.received(1)
    await ui.page.waitForSelector('.preview .j-key')
    const parts = await ui.page.evaluate(() => [...document.querySelectorAll('.preview *')].map((part) => part.textContent))
    assert.deepEqual(parts.filter((text) => text === ''), [])
    await ui.end()
  })
})

describe('hostile content', () => {
  test('is shown as text', async () => {
    const ui = await follow(server)
    const texts = ['<script>window.broken = 1</script>', '<img src=x onerror="window.broken = 1">', '\u202e\u0000"quoted" \\ back', '{"json": [1]}', '</pre></button>']
    await write(server, texts)
    await ui.received(texts.length)
    const rows = await ui.rows()
    assert.ok(rows.some(({ json }) => json.includes('<script>window.broken = 1</script>')))
    for (const head of await ui.$('.row .head').all()) await head.click()
    assert.equal(await ui.page.evaluate(() => window.broken), undefined)
    assert.equal(await ui.$('.feed script, .feed img').count(), 0)
    assert.match(await ui.$('.detail').allTextContents().then((all) => all.join('')), /<img src=x onerror=/)
    await ui.end()
  })
})
