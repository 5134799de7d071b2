// The web app in a real browser, two users at once, from upload to alert.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { by, file, launch, reveal, signIn as signInOn, upload, Watch } from './browser.mjs'
import { start } from './labelcast.mjs'

let server, browser, watch, viewer, moderator

before(async () => {
  server = await start()
  browser = await launch()
  watch = new Watch([server.url])
  viewer = await signIn('viewer')
  moderator = await signIn('moderator')
})

after(async () => {
  await browser?.close()
  const status = await server?.stop()
  assert.equal(status, 0, 'SIGTERM ends it cleanly')
})

async function signIn(name) {
  const page = await watch.page(browser)
  await signInOn(page, server.url, name, server.passwords[name])
  return page
}

test('an uploaded picture appears live with its labels for everybody', async () => {
  await by(moderator, 'nav-live').first().click()
  await upload(viewer, file('sea.png', { keywords: 'lighthouse' }))
  await by(viewer, 'upload-row').and(viewer.locator('[data-state=labelled]')).first().waitFor()
  const card = by(moderator, 'live-card').filter({ hasText: 'lighthouse' }).first()
  await card.waitFor()
  assert.match(await card.innerText(), /blue/)
})

test('a file that is not a picture is refused with a reason', async () => {
  const fake = { name: 'fake.png', mimeType: 'image/png', buffer: Buffer.from('this is not a picture at all') }
  await upload(viewer, fake)
  const row = by(viewer, 'upload-row').and(viewer.locator('[data-state=rejected]')).first()
  await row.waitFor()
  assert.match(await row.innerText(), /isn't a picture/)
})

test('a moderator is alerted to an offensive picture, which is hidden from others and revealed only on click', async () => {
  await by(moderator, 'nav-alerts').first().click()
  const offensive = file('fight.png', { color: [200, 20, 20], keywords: 'Graphic Violence' })
  await upload(viewer, offensive)
  await by(viewer, 'upload-row').and(viewer.locator('[data-state=review]')).first().waitFor()
  await reveal(moderator, 'Graphic Violence')
  await by(moderator, 'nav-search').first().click()
  await by(moderator, 'search-input').first().fill('is:offensive')
  await by(moderator, 'search-input').first().press('Enter')
  await by(moderator, 'search-result').first().getByTestId('covered').waitFor()
  await by(viewer, 'nav-live').first().click()
  assert.equal(await by(viewer, 'live-card').filter({ hasText: 'violence' }).count(), 0)
  assert.equal(await by(viewer, 'nav-alerts').count(), 0, 'viewers have no alerts')
})

test('a search finds the picture and opens it', async () => {
  await by(viewer, 'nav-search').first().click()
  await by(viewer, 'search-input').first().fill('lighthouse -person')
  await by(viewer, 'search-input').first().press('Enter')
  const result = by(viewer, 'search-result').first()
  await result.waitFor()
  await result.click()
  await by(viewer, 'image-page').filter({ hasText: 'lighthouse' }).first().waitFor()
})

test('the web app contacts no other host and obeys its content security policy', () => {
  assert.deepEqual(watch.foreign, [])
  assert.deepEqual(watch.violations, [])
})
