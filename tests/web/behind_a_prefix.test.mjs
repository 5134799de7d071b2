// Everything through a real nginx and a real Caddy with TLS, below a path: links, cookies, sign-in, the form, the socket.
// Whether the proxy takes the path away or passes it on.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { by, file, launch, live, upload, Watch } from './browser.mjs'
import { start } from './labelcast.mjs'
import * as proxy from './proxy.mjs'

// The certificate is made for this run, and nobody vouches for it.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
const prefix = '/labels'

for (const { name, strips } of [
  { name: 'nginx', strips: true },
  { name: 'nginx', strips: false },
  { name: 'caddy', strips: true },
  { name: 'caddy', strips: false },
]) {
  describe(`${name} that ${strips ? 'strips the prefix' : 'passes the prefix on'}`, () => {
    let server, front, browser, url

    before(async () => {
      const port = await proxy.freePort()
      url = `https://127.0.0.1:${port}${prefix}`
      server = await start(['--behind-proxy', '--public-url', url])
      front = await proxy.start(name, { port, upstream: server.listens, strips })
      browser = await launch()
    })

    after(async () => {
      await browser?.close()
      await front?.stop()
      assert.equal(await server?.stop(), 0, 'SIGTERM ends it cleanly')
    })

    test('a person signs in, uploads, and sees the labels live', async () => {
      const watch = new Watch([url])
      const page = await watch.page(browser, { ignoreHTTPSErrors: true })
      await page.goto(`${url}/`)
      await by(page, 'sign-in').first().click()
      await page.getByLabel('User name').fill('viewer')
      await page.getByLabel('Password').fill(server.passwords.viewer)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await live(page)
      const cookies = await page.context().cookies()
      assert.ok(cookies.length > 0 && cookies.every((cookie) => cookie.path === prefix && cookie.secure), JSON.stringify(cookies))
      await upload(page, file('sea.png', { keywords: 'lighthouse' }))
      await by(page, 'upload-row').and(page.locator('[data-state=labelled]')).first().waitFor()
      await by(page, 'nav-live').first().click()
      const card = by(page, 'live-card').filter({ hasText: 'lighthouse' }).first()
      await card.waitFor()
      const thumbnail = card.locator('img').first()
      await page.waitForFunction((image) => image.complete && image.naturalWidth > 0, await thumbnail.elementHandle())
      assert.deepEqual(watch.foreign, [])
      assert.deepEqual(watch.violations, [])
    })

    test('every advertised URL is below the prefix', async () => {
      const socket = url.replace('https', 'wss')
      const json = async (path) => (await fetch(`${url}${path}`)).json()
      const settings = await json('/web/settings.json')
      assert.equal(settings.api, `${url}/api`)
      assert.equal(settings.live, `${socket}/live`)
      for (const [name, address] of Object.entries(settings.metadata))
        if (/_endpoint$|_uri$/.test(name)) assert.ok(address.startsWith(`${url}/`), `${name}: ${address}`)
      assert.equal((await json('/api/openapi.json')).servers[0].url, `${url}/api`)
      const { host, pathname } = (await json('/api/asyncapi.json')).servers.live
      assert.equal(`wss://${host}${pathname}`, `${socket}/live`)
      const home = await fetch(`${url}/`, { redirect: 'manual' })
      assert.equal(home.headers.get('location'), `${url}/web/`)
      assert.match(home.headers.get('strict-transport-security'), /max-age/)
    })
  })
}
