// The web app says so when its line is dead, though nobody closed anything.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { by, launch, live, signIn } from './browser.mjs'
import { start } from './labelcast.mjs'
import { line } from './line.mjs'

let network, server, browser, page

before(async () => {
  network = await line()
  server = await start(['--public-url', network.url])
  network.to(new URL(`http://${server.listens}`).port)
  browser = await launch()
  page = await (await browser.newContext()).newPage()
  await signIn(page, network.url, 'viewer', server.passwords.viewer)
})

after(async () => {
  await browser?.close()
  await network?.close()
  assert.equal(await server?.stop(), 0, 'SIGTERM ends it cleanly')
})

const state = () => by(page, 'connection-state').first().getAttribute('data-state')

/** Waits until the web app says that it is not live; returns how long that took, in seconds. */
async function notLive() {
  const began = performance.now()
  await by(page, 'connection-state').and(page.locator(':not([data-state=live])')).first().waitFor({ timeout: 25_000 })
  return (performance.now() - began) / 1_000
}

test('a silently lost connection is detected within 20 s and restored once the network works', async () => {
  network.cut()
  const seconds = await notLive()
  assert.ok(seconds < 20, `it took ${seconds} s`)
  network.mend()
  await by(page, 'connection-state').and(page.locator('[data-state=live]')).first().waitFor({ timeout: 60_000 })
})

test('an offline browser shows it at once instead of claiming to be live', async () => {
  network.cut()
  await page.evaluate(() => window.dispatchEvent(new Event('offline')))
  const seconds = await notLive()
  assert.ok(seconds < 5, `it took ${seconds} s`)
  // Whatever it tries next, no answer comes.
  const ends = performance.now() + 12_000
  while (performance.now() < ends) {
    assert.notEqual(await state(), 'live')
    await page.waitForTimeout(250)
  }
  network.mend()
  await page.evaluate(() => window.dispatchEvent(new Event('online')))
  await live(page)
})

test('an offline browser stays live while the server responds, for example on the same machine', async () => {
  await page.evaluate(() => window.dispatchEvent(new Event('offline')))
  await live(page)
  await page.evaluate(() => window.dispatchEvent(new Event('online')))
  await live(page)
})

test('requests that failed offline are retried as soon as the connection is back', async () => {
  await by(page, 'nav-search').first().click()
  network.cut()
  await page.context().setOffline(true)
  await by(page, 'search-input').first().fill('lighthouse')
  await by(page, 'search-input').first().press('Enter')
  await page.getByText("You're offline. We'll retry.").waitFor()
  await notLive()
  network.mend()
  await page.context().setOffline(false)
  await page.getByText('No matches').waitFor({ timeout: 60_000 })
})
