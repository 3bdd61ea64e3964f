// The editors: highlighting, indenting, brackets, completion and squiggles, and schemas of
// other kinds: one that the server does not tell, and one of a hundred streams.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { chat, close, launch, open, scene } from './harness.mjs'

let server

before(async () => {
  await launch()
  server = await chat()
})
after(async () => {
  await close()
  await server.kill()
})

const field = (ui) => ui.page.getByRole('textbox', { name: 'Subscription', exact: true })

/** What the list of completions offers, in its order. */
async function offered(ui) {
  // A list that has just opened takes no key, so that one who types on is not surprised.
  await ui.until(() => {
    const list = document.querySelector('.cm-tooltip-autocomplete')
    if (list) list.seen ??= performance.now()
    return list && performance.now() - list.seen > 100
  })
  return ui.$('.cm-tooltip-autocomplete .cm-completionLabel').allTextContents()
}

async function typing(ui, text) {
  await ui.write('Subscription', '')
  await field(ui).pressSequentially(text)
}

describe('the editor', () => {
  test('highlights by what a word is', async () => {
    const ui = await open(server.page)
    await ui.write('Subscription', 'subscription A($b: ID) { userSubscription(action: CREATE, id: $b) { ok } } # note')
    const colours = await field(ui).evaluate((element) => {
      const of = (text) => getComputedStyle([...element.querySelectorAll('.cm-line span')].find((span) => span.textContent === text)).color
      return ['subscription', 'userSubscription', 'action', 'CREATE', '$b', '# note'].map(of)
    })
    assert.equal(new Set(colours).size, colours.length, colours.join(' '))
    await ui.end()
  })

  test('indents with Tab and back with Shift+Tab', async () => {
    const ui = await open(server.page)
    await ui.write('Subscription', 'query')
    await field(ui).press('Tab')
    assert.equal(await ui.read('Subscription'), '  query')
    await field(ui).press('Shift+Tab')
    assert.equal(await ui.read('Subscription'), 'query')
    // Escape and Tab leave it, so that the keyboard is not caught.
    await field(ui).press('Escape')
    await ui.page.keyboard.press('Tab')
    assert.equal(await field(ui).evaluate((element) => element === document.activeElement), false)
    await ui.end()
  })

  test('closes brackets, matches them, and undoes', async () => {
    const ui = await open(server.page)
    await typing(ui, 'query {')
    await field(ui).press('Escape')
    assert.equal(await ui.read('Subscription'), 'query {}')
    await field(ui).press('ArrowLeft')
    await ui.$('.cm-matchingBracket').first().waitFor()
    assert.equal(await ui.$('.cm-matchingBracket').count(), 2)
    await field(ui).press('Control+z')
    await ui.until(() => document.querySelector('[aria-label=Subscription]').textContent !== 'query {}')
    await ui.end()
  })

  test('completes fields, arguments, enum values, types and fields of input types', async () => {
    const ui = await open(server.page)
    await typing(ui, 'subscription { messageS')
    assert.ok((await offered(ui)).includes('messageSubscription'))
    await field(ui).press('Enter')
    assert.match(await ui.read('Subscription'), /\{ messageSubscription/)
    await ui.page.keyboard.insertText('(')
    await field(ui).press('Control+Space')
    assert.deepEqual(await offered(ui), ['action', 'after', 'channelId', 'data', 'filters', 'id', 'operation', 'ready', 'snapshot'])
    await field(ui).press('Escape')
    await ui.$('.cm-tooltip-autocomplete').waitFor({ state: 'detached' })
    await ui.page.keyboard.insertText('action: ')
    await field(ui).press('Control+Space')
    assert.deepEqual((await offered(ui)).sort(), ['ALL_ACTIONS', 'CREATE', 'DELETE', 'UPDATE'])
    const chosen = () => ui.$('.cm-tooltip-autocomplete [aria-selected]').textContent()
    const first = await chosen()
    await field(ui).press('ArrowDown')
    await ui.until((first) => document.querySelector('.cm-tooltip-autocomplete [aria-selected]')?.textContent !== first, first)
    const second = await ui.$('.cm-tooltip-autocomplete [aria-selected] .cm-completionLabel').textContent()
    await field(ui).press('Tab')
    assert.ok((await ui.read('Subscription')).includes(`action: ${second}`))
    await ui.page.keyboard.insertText(' filters: { text__i')
    await field(ui).press('Control+Space')
    assert.ok((await offered(ui)).includes('text__icontains'))
    await typing(ui, 'subscription A($channelId: Str')
    await field(ui).press('Control+Space')
    assert.ok((await offered(ui)).includes('String'))
    await ui.end()
  })

  test('underlines what the schema does not have, and says why', async () => {
    const ui = await open(server.page)
    await ui.write('Subscription', 'subscription { messageSubscriptions }')
    await ui.$('.cm-lintRange-error').first().waitFor()
    await ui.$('.cm-lintRange-error').first().hover()
    await ui.$('.cm-tooltip-lint').waitFor()
    assert.match(await ui.$('.cm-tooltip-lint').textContent(), /Cannot query field.*Did you mean "messageSubscription"/)
    await ui.page.mouse.move(0, 0)
    await ui.write('Subscription', 'subscription { messageSubscription(channelId: "", action: CREATE, operation: SUBSCRIBE) { ok } }')
    await ui.$('.cm-lintRange-error').first().waitFor({ state: 'detached' })
    await ui.$('#tab-variables').click()
    await ui.write('Variables of the subscription', '{"a": }')
    await ui.$('#pane-variables .cm-lintRange-error, #pane-variables .cm-lintPoint-error').first().waitFor({ state: 'attached' })
    await ui.end()
  })

  test('uses variables', async () => {
    const ui = await open(server.page)
    await ui.$('#tab-variables').click()
    await ui.write('Variables of the subscription', '{"action": "DELETE"}')
    await ui.run('subscription Gone($action: ActionSubscriptionEnum!) { userSubscription(channelId: "", action: $action, operation: SUBSCRIBE) { ok } }')
    await ui.live('Gone')
    const { data } = await ui.send('mutation { createUser(name: "a", tenant: 1) { id } }')
    await ui.send(`mutation { deleteUser(id: ${data.createUser.id}) }`)
    await ui.counts('Gone', 1)
    await ui.$('#tab-variables').click()
    await ui.write('Variables of the subscription', '[1]')
    await ui.$('#run').click()
    assert.match(await ui.$('#run-message').textContent(), /must be a JSON object/)
    await ui.end()
  })

  test('runs the operation at the cursor', async () => {
    const ui = await open(server.page)
    const one = (name) => `subscription ${name} { ${name.toLowerCase()}Subscription(channelId: "", action: CREATE, operation: SUBSCRIBE) { ok } }`
    await ui.write('Subscription', `${one('User')}\n${one('Note')}`)
    await field(ui).press('Control+End')
    await field(ui).press('Control+Enter')
    await ui.live('Note')
    assert.equal(await ui.$('.card').count(), 1)
    await ui.end()
  })
})

describe('documents to begin with', () => {
  test('there is one for every stream of the chat, and each runs', async () => {
    const ui = await open(server.page)
    const titles = await ui.$('li.stream .pick b').allTextContents()
    assert.deepEqual(titles, ['Message', 'User', 'Note'])
    for (const title of titles) {
      await ui.page.getByRole('button', { name: `Subscribe to ${title}` }).click()
      await ui.live(title)
      assert.equal(await ui.$('#pane-document .cm-lintRange-error').count(), 0)
      // The change beside it is of the same model, and makes an event.
      await ui.send()
      await ui.counts(title, 1)
    }
    await ui.page.getByRole('button', { name: 'Stop Note' }).first().click()
    await ui.card('Note').and(ui.page.locator('[data-status=stopped]')).waitFor()
    await ui.end()
  })

  test('there is one for every mutation and query', async () => {
    const ui = await open(server.page)
    const options = await ui.$('#calls option:not([value=""])').evaluateAll((all) => all.map((one) => one.value))
    assert.ok(options.length > 10)
    for (const option of options) {
      await ui.$('#calls').selectOption(option)
      assert.ok((await ui.read('Change')).includes(option.split(' ')[1]))
      await ui.send()
      await ui.$('#send-message').waitFor()
      // Each is valid; what it answers depends on the rows there are.
      assert.doesNotMatch(await ui.$('#send-message').textContent(), /Unknown|Cannot|Invalid|expected|syntax/i)
    }
    await ui.$('#tab-answer').click()
    assert.match(await ui.$('#pane-answer').textContent(), /"data"/)
    await ui.end()
  })
})

describe('a server that does not tell its schema', () => {
  let silent
  before(async () => (silent = await scene('introspection-off')))
  after(() => silent.kill())

  test('leaves keywords to complete, syntax to check, and documents that run', async () => {
    const ui = await open(silent.page)
    assert.equal(await ui.page.getAttribute('html', 'data-schema'), 'off')
    assert.match(await ui.$('#streams-note').textContent(), /does not tell its schema/)
    await typing(ui, 'subs')
    assert.deepEqual(await offered(ui), ['subscription'])
    await field(ui).press('Enter')
    assert.equal(await ui.read('Subscription'), 'subscription')
    await ui.write('Subscription', 'subscription {')
    await ui.$('.cm-lintRange-error, .cm-lintPoint-error').first().waitFor({ state: 'attached' })
    await ui.run('subscription Notes($channelId: String!) { noteSubscription(channelId: $channelId, action: CREATE, operation: SUBSCRIBE) { ok } }')
    await ui.live('Notes')
    await ui.send('mutation { createNote(id: 1, text: "hi") { id } }')
    await ui.counts('Notes', 1)
    await ui.$('#run').click()
    await ui.card('Notes').and(ui.page.locator('[data-status=stopped]')).waitFor()
    await ui.end()
  })
})

describe('a schema with a hundred subscriptions', () => {
  let large
  before(async () => (large = await scene('hundred')))
  after(() => large.kill())

  test('has a document for each, and a search to find one', async () => {
    const ui = await open(large.page)
    assert.equal(await ui.$('#streams-count').textContent(), '100')
    const picks = ui.$('li.stream .pick')
    assert.equal(await picks.count(), 100)
    // By script, because a hundred clicks of a person take long.
    const documents = await picks.evaluateAll((all) =>
      all.map((button) => {
        button.click()
        const [editor] = document.querySelectorAll('[aria-label=Subscription]')
        return editor.textContent
      }),
    )
    documents.forEach((text, number) => assert.ok(text.includes(`stream${String(number).padStart(2, '0')}Subscription`), text))
    await ui.$('#streams-filter').fill('stream42')
    assert.equal(await ui.$('#streams-count').textContent(), '1 of 100')
    await picks.click()
    assert.match(await ui.read('Subscription'), /stream42Subscription\(/)
    await field(ui).focus()
    await ui.until(() => document.querySelectorAll('#pane-document .cm-line').length > 8)
    assert.equal(await ui.$('#pane-document .cm-lintRange-error').count(), 0)
    await ui.end()
  })
})
