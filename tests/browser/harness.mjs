// Servers, a browser and pages for the tests. No test sleeps: each waits for what it expects.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

export const require = createRequire(new URL('../../client/package.json', import.meta.url))
const { chromium } = require('playwright-core')

export const root = fileURLToPath(new URL('../../', import.meta.url))
const target = process.env.CARGO_TARGET_DIR ?? `${root}target`
/** Nothing takes this long; a test that waits for it has failed. */
export const DEADLINE = 20_000

// ---------------------------------------------------------------- servers

const running = new Set()
process.on('exit', () => running.forEach((process) => process.kill('SIGKILL')))

export async function freePort() {
  const server = createServer()
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

/** A program that prints its address when it listens. */
export async function serve(command, args, port = 0, variables = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...variables, PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const ended = new Promise((done) => child.once('exit', done))
  const origin = await new Promise((done, failed) => {
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
      const address = /http:\/\/[\d.]+:\d+/.exec(said)
      if (address) done(address[0])
    })
    child.once('error', failed)
    ended.then(() => failed(new Error(`${command} ended: build it first`)))
  })
  return {
    origin,
    port: Number(new URL(origin).port),
    page: `${origin}/graphql/client/`,
    /** As a crash would end it. */
    async kill() {
      child.kill('SIGKILL')
      running.delete(child)
      await ended
    },
  }
}

/** With a database of its own, or with this one. */
export const chat = (port, database) =>
  serve(process.env.GRAPHEX_CHAT ?? `${target}/debug/examples/chat`, [], port, database ? { DATABASE_URL: database } : {})
export const scene = (name) => serve(process.env.GRAPHEX_SCENES ?? `${target}/debug/graphex-browser-tests`, [name])
export const reference = (port) => serve(process.execPath, [fileURLToPath(new URL('reference.mjs', import.meta.url))], port)

/** A GraphQL request from outside of the browser. */
export async function graphql(server, query, variables, user = 1) {
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-user': String(user) },
    body: JSON.stringify({ query, variables }),
  })
  const body = await response.json()
  assert.equal(body.errors, undefined, JSON.stringify(body.errors))
  return body.data
}

// ---------------------------------------------------------------- the browser

/** Without windows of its own it takes half of the processor's time. */
const CHROMIUMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']
let browser

export async function launch() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? CHROMIUMS.find((path) => existsSync(path)),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A page that a test put in place has no address, so the browser takes it for a stranger.
      ...(process.env.GRAPHEX_PAGE_FROM_SOURCE ? ['--disable-features=LocalNetworkAccessChecks'] : []),
    ],
  })
  return browser
}

export const close = () => browser?.close()

/** A page of a browser that nobody has used, which notes all that goes wrong in it. */
export async function open(address, { ready = true, before, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  context.setDefaultTimeout(DEADLINE)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
  page.on('console', (message) => {
    // What the browser itself says of a server that is away is expected in some tests.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection to/.test(message.text())) faults.push(message.text())
  })
  await page.addInitScript(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`))
  })
  if (process.env.GRAPHEX_PAGE_FROM_SOURCE) await fromSource(page)
  await before?.(page)
  await page.goto(address)
  if (ready) await connected(page)
  else await page.waitForSelector('html[data-schema]', { state: 'attached' })
  return new Ui(page, faults)
}

/** The same with its WebSocket in hand: what is sent through the second comes as from the server. */
export async function openTapped(address) {
  let socket
  const before = (page) =>
    page.routeWebSocket(/\/ws\//, (route) => {
      socket = route
      route.connectToServer()
    })
  const ui = await open(address, { before })
  return [ui, (frame) => socket.send(frame)]
}

/** Puts the page as it was last built in the place of the one that the server was built with. */
async function fromSource(page) {
  const read = (name) => readFileSync(`${root}graphex-runtime/src/transport/client/${name}`, 'utf8')
  await page.route(/\/client\/$/, async (route) => {
    const response = await route.fetch()
    const [own] = /<title>.*?<\/title><meta name="graphex-client"[^>]*>/s.exec(await response.text())
    const policy = response.headers()['content-security-policy'].replace(/script-src .*?; style-src [^;]*/, read('policy.txt'))
    await route.fulfill({ response, body: read('head.html') + own + read('tail.html'), headers: { ...response.headers(), 'content-security-policy': policy } })
  })
}

async function connected(page) {
  await page.waitForSelector('html[data-schema]:not([data-schema=loading])', { state: 'attached' })
  await page.waitForSelector('#state[data-state=on]')
}

/** What a person does with the page. */
export class Ui {
  constructor(page, faults) {
    this.page = page
    this.faults = faults
  }

  $(selector) {
    return this.page.locator(selector)
  }

  /** Waits until the function is true in the page. */
  until(check, argument) {
    return this.page.waitForFunction(check, argument, { timeout: DEADLINE })
  }

  connected() {
    return connected(this.page)
  }

  async protocol(name) {
    await this.$(`.protocols label:has([value=${name}])`).click()
    await this.connected()
  }

  /** Puts a document into an editor, as one who selects all and pastes. */
  async write(label, text) {
    const editor = this.page.getByRole('textbox', { name: label, exact: true })
    await editor.focus()
    await this.page.keyboard.press('Control+a')
    await this.page.keyboard.press('Delete')
    if (text) await this.page.keyboard.insertText(text)
  }

  read(label) {
    const editor = this.page.getByRole('textbox', { name: label, exact: true })
    return editor.evaluate((element) => [...element.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\n'))
  }

  async run(document) {
    if (document) {
      await this.$('#tab-document').click()
      await this.write('Subscription', document)
    }
    await this.$('#run').click()
  }

  async send(document) {
    if (document) {
      await this.$('#tab-change').click()
      await this.write('Change', document)
    }
    const answered = this.page.waitForResponse((response) => response.request().method() === 'POST')
    await this.$('#send').click()
    return (await answered).json()
  }

  card(title) {
    return this.$('.card').filter({ has: this.page.locator('.name b', { hasText: new RegExp(`^${title}$`) }) })
  }

  async live(title) {
    await this.card(title).and(this.page.locator('[data-status=live]')).waitFor({ state: 'attached' })
  }

  async counts(title, total) {
    await this.card(title).locator('.total', { hasText: new RegExp(`^${total}$`) }).waitFor()
  }

  /** The rows in sight, newest first: what a person reads in each, when all that came is drawn. */
  async rows() {
    await this.page.waitForSelector('#feed[aria-busy=false]')
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.row')]
        .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
        .map((row) => {
          const text = (part) => row.querySelector(part)?.textContent ?? ''
          return { time: text('.time'), action: text('.badge'), stream: text('.stream'), id: text('.id'), json: text('.preview'), said: text('.said'), colour: row.dataset.colour }
        }),
    )
  }

  /** Waits until the rows in sight are these, newest first: the action and the id of each. */
  shows(wanted) {
    return this.until(
      (wanted) =>
        [...document.querySelectorAll('.row')]
          .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
          .map((row) => `${row.querySelector('.badge').textContent} ${row.querySelector('.id').textContent}`)
          .join() === wanted,
      wanted.join(),
    )
  }

  async received(count) {
    await this.until((count) => document.querySelector('#total').textContent.replace(/\D/g, '') === String(count), count)
  }

  /** Ends the page; nothing may have gone wrong in it. */
  async end() {
    const violations = await this.page.evaluate(() => window.violations)
    assert.deepEqual(violations, [], 'the policy was violated')
    assert.deepEqual(this.faults, [])
    await this.page.context().close()
  }
}
