import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { chat, open, root } from './harness.mjs'
import { SIZES, accessible, fits, looks } from './looks.mjs'

looks('dark')

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
