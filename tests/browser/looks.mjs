// What the page looks like: nothing is cut, overlaps or is hard to read, at each size; screenshots.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { chat, close, graphql, launch, open, require, root } from './harness.mjs'

before(launch)
after(close)

const axe = require('axe-core').source

export const SIZES = [
  [1440, 900],
  [768, 1024],
  [360, 740],
]

/** All of it, light or dark. */
export function looks(colorScheme) {
  describe(`what it looks like ${colorScheme}`, () => {
    let server
    before(async () => (server = await chat()))
    after(() => server.kill())
    mkdirSync(`${root}target/screenshots`, { recursive: true })

    for (const [width, height] of SIZES) {
      test(`${width}×${height}`, { timeout: 180_000 }, async () => {
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
  })
}

/** Nothing sticks out of the page, and no button's or label's text is cut without a sign. */
export async function fits(ui, name) {
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

export async function accessible(ui, name) {
  // By the debugger, which the page's policy does not bind.
  await ui.page.evaluate(axe)
  const { violations } = await ui.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }))
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`).join(' | ')}`)
  assert.deepEqual(said, [], name)
}
