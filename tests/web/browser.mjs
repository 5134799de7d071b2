// A real browser, and what is seen of its pages.
import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { picture } from './picture.mjs'

/** Starts the browser that CHROMIUM names. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  })
}

/** What pages did that they should not: hosts other than these were asked, the web app's policy was broken. */
export class Watch {
  foreign = []
  violations = []

  constructor(origins) {
    this.hosts = origins.map((origin) => new URL(origin).host)
  }

  /** A page with a session of its own. */
  async page(browser, options) {
    const page = await (await browser.newContext(options)).newPage()
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.protocol.startsWith('http') && !this.hosts.includes(url.host)) this.foreign.push(request.url())
    })
    page.on('console', (message) => {
      if (/Content.Security.Policy/i.test(message.text())) this.violations.push(message.text())
    })
    return page
  }
}

export const by = (page, id) => page.getByTestId(id)
export const file = (name, options) => ({ name, mimeType: 'image/png', buffer: picture(options) })

/** Signs in on a page, and waits until it is live. */
export async function signIn(page, url, name, password) {
  await page.goto(url)
  await by(page, 'sign-in').first().click()
  await page.getByLabel('User name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await live(page)
}

/** Waits until the web app has its socket and its subscriptions. */
export const live = (page) => by(page, 'connection-state').and(page.locator('[data-state=live]')).first().waitFor()

/** Uploads files as the user who is signed in on a page. */
export async function upload(page, ...files) {
  await by(page, 'nav-upload').first().click()
  await by(page, 'file-input').first().setInputFiles(files)
}

/** Waits for a moderator's alert with this text and reveals its picture, which must not be loaded before. */
export async function reveal(moderator, text) {
  const alert = by(moderator, 'alert-card').filter({ hasText: text }).first()
  await alert.waitFor()
  assert.equal(await alert.locator('img').count(), 0, 'nothing is loaded before the click')
  await alert.getByTestId('alert-reveal').click()
  await alert.locator('img').first().waitFor()
  return alert
}
