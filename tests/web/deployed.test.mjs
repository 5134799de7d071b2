// The web app of the deployed stack in a real browser: `tests/stack/deployed.py` deploys it and says where it is. The API, and
// the sign-in with the bucket, are different origins here too, as on AWS.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { by, file, launch, live, reveal, upload, Watch } from './browser.mjs'

const stack = JSON.parse(readFileSync(process.env.LABELCAST_STACK, 'utf8'))
const user = (name) => `${name}@example.org`
const run = Date.now().toString(36)
const word = `lighthouse${run}`

let browser, watch, viewer, moderator

before(async () => {
  browser = await launch()
  watch = new Watch([stack.WebUrl, stack.SignInUrl, stack.ObjectsOrigin])
})

after(async () => {
  for (const [name, page] of Object.entries({ viewer, moderator }))
    await page?.screenshot({ path: shot(`${name}-at-the-end`) })
  await browser?.close()
})

const shot = (name) => new URL(`web-${name}.png`, `file://${process.env.LABELCAST_STACK}`).pathname
const colour = () => Array.from({ length: 3 }, () => Math.floor(Math.random() * 256))

/** Whether an address is this one of the sign-in. */
const at = (path) => (url) => url.origin + url.pathname === stack.SignInUrl + path

/** Goes to the sign-in, and returns what it was asked for. */
async function toSignIn(page) {
  await page.goto(stack.WebUrl)
  await by(page, 'sign-in').first().click()
  await page.waitForURL(at('/oauth2/authorize'))
  return new URL(page.url()).searchParams
}

async function enter(page, name, password) {
  await page.locator('input[name=username]').fill(user(name))
  await page.locator('input[name=password]').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function signIn(name) {
  const page = await watch.page(browser)
  await toSignIn(page)
  await enter(page, name, stack.Password)
  await live(page)
  return page
}

/** A picture that was really loaded, not only requested. */
const loaded = (image) =>
  image.evaluate((each) => each.decode().then(() => each.naturalWidth > 0, () => false))

test('signing in at the hosted UI leads back to the web app, signed in and live', async () => {
  viewer = await watch.page(browser)
  const request = await toSignIn(viewer)
  assert.equal(request.get('response_type'), 'code')
  assert.equal(request.get('code_challenge_method'), 'S256')
  assert.equal(request.get('redirect_uri'), stack.WebUrl)
  assert.ok(request.get('state') && request.get('code_challenge'))
  await enter(viewer, 'viewer', 'wrong')
  await viewer.getByText('Incorrect').waitFor()
  const exchange = viewer.waitForRequest((request) => at('/oauth2/token')(new URL(request.url())))
  await enter(viewer, 'viewer', stack.Password)
  const form = new URLSearchParams((await exchange).postData())
  assert.equal(form.get('grant_type'), 'authorization_code')
  assert.ok(form.get('code_verifier'), 'the code is bound to this browser')
  await live(viewer)
  assert.ok(!viewer.url().includes('code='), 'the code stays in no address')
  assert.equal(await by(viewer, 'user-name').first().innerText(), user('viewer'))
  moderator = await signIn('moderator')
})

test('an uploaded picture appears live with its labels for everybody', async () => {
  await by(moderator, 'nav-live').first().click()
  await upload(viewer, file('sea.png', { keywords: word, color: colour() }))
  await by(viewer, 'upload-row').and(viewer.locator('[data-state=labelled]')).first().waitFor()
  const card = by(moderator, 'live-card').filter({ hasText: word }).first()
  await card.waitFor()
  assert.ok(await loaded(card.locator('img').first()), 'its thumbnail comes from the bucket')
  await moderator.screenshot({ path: shot('live') })
})

test('a moderator is alerted to an offensive picture, which is revealed only on click', async () => {
  await by(moderator, 'nav-alerts').first().click()
  await upload(viewer, file('fight.png', { keywords: `Graphic Violence, ${run}`, color: colour() }))
  await by(viewer, 'upload-row').and(viewer.locator('[data-state=review]')).first().waitFor()
  const alert = await reveal(moderator, 'Graphic Violence')
  assert.ok(await loaded(alert.locator('img').first()))
  await moderator.screenshot({ path: shot('alert') })
  assert.equal(await by(viewer, 'nav-alerts').count(), 0, 'viewers have no alerts')
})

test('a search finds the picture and opens it', async () => {
  await by(viewer, 'nav-search').first().click()
  await by(viewer, 'search-input').first().fill(`${word} -person`)
  await by(viewer, 'search-input').first().press('Enter')
  const result = by(viewer, 'search-result').first()
  await result.waitFor()
  await result.click()
  const opened = by(viewer, 'image-page').filter({ hasText: word }).first()
  await opened.waitFor()
  assert.ok(await loaded(opened.locator('img').first()))
  await viewer.screenshot({ path: shot('picture') })
  await by(viewer, 'image-close').first().click()
  await opened.waitFor({ state: 'hidden' })
})

test('a reload keeps the sign-in, and an expired token is renewed without asking', async () => {
  await viewer.evaluate(() => {
    const key = Object.keys(sessionStorage).find((each) => each.startsWith('oidc.user:'))
    const kept = JSON.parse(sessionStorage.getItem(key))
    sessionStorage.setItem(key, JSON.stringify({ ...kept, expires_at: 1 }))
  })
  const renewal = viewer.waitForRequest((request) => at('/oauth2/token')(new URL(request.url())))
  await viewer.reload()
  const form = new URLSearchParams((await renewal).postData())
  assert.equal(form.get('grant_type'), 'refresh_token')
  await live(viewer)
})

test('a code with a foreign state is refused and never exchanged', async () => {
  const page = await watch.page(browser)
  let exchanged = 0
  page.on('request', (request) => request.url().includes('/oauth2/token') && exchanged++)
  await page.goto(`${stack.WebUrl}?code=stolen&state=foreign`)
  await page.getByText('Sign-in failed').waitFor()
  await page.screenshot({ path: shot('refused') })
  assert.equal(exchanged, 0)
  assert.ok(!page.url().includes('stolen'))
  await page.context().close()
})

test('signing out ends the session at the hosted UI too, and leads back to the web app', async () => {
  const gone = viewer.waitForRequest((request) => at('/logout')(new URL(request.url())))
  await by(viewer, 'sign-out').first().click()
  const request = new URL((await gone).url()).searchParams
  assert.deepEqual([request.get('client_id'), request.get('logout_uri')], [stack.ClientId, stack.WebUrl])
  await by(viewer, 'sign-in').first().waitFor()
  assert.equal(viewer.url(), stack.WebUrl)
  const kept = await viewer.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('oidc.user:')))
  assert.deepEqual(kept, [])
  await viewer.reload()
  await by(viewer, 'sign-in').first().waitFor()
})

test('the web app contacts no other host and obeys its content security policy', () => {
  assert.deepEqual(watch.foreign, [])
  assert.deepEqual(watch.violations, [])
})
