/** One Chromium per test file and one fresh page per story, over the fake API. Collects what must never happen. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { FakeApi, type Scene } from '../fakes/api.ts'

export const root = new URL('../../', import.meta.url).pathname

/** The same browser without its windows comes first: it takes half the time. */
const installed = ['chromium-headless-shell', 'chromium', 'chromium-browser'].map((name) => `/usr/bin/${name}`)
const candidates = [process.env['OPENLOOM_CHROMIUM'], ...installed]
export const browserPath = candidates.find((path) => path && existsSync(path)) ?? null
if (!browserPath) process.stdout.write('\nbrowser stories skipped: no Chromium found (set OPENLOOM_CHROMIUM)\n')

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A name that is not of this machine, for what the page says of such.
  '--host-resolver-rules=MAP loom.example 127.0.0.1',
]

interface Door {
  url: string
  loginUrl(): string
}

export interface View {
  width?: number
  theme?: 'dark' | 'light'
}

export class Stage {
  readonly context: BrowserContext
  readonly profile: string
  readonly #apis: FakeApi[] = []

  private constructor(context: BrowserContext, profile: string) {
    this.context = context
    this.profile = profile
  }

  /** `worker`: with the page's service worker, which to most stories would be a second page. */
  static async open({ worker = false } = {}): Promise<Stage> {
    const profile = await mkdtemp(join(tmpdir(), 'openloom-browser-'))
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: browserPath ?? '',
      headless: true,
      args: flags,
      serviceWorkers: worker ? 'allow' : 'block',
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    return new Stage(context, profile)
  }

  async close(): Promise<void> {
    await this.context.close()
    for (const api of this.#apis) await api.close()
    await rm(this.profile, { recursive: true, force: true })
  }

  async show(scene: Scene, path = '/', view: View = {}): Promise<Shown> {
    const api = new FakeApi(scene, `${root}dist/web`)
    // Whoever is in is led past the door.
    api.signedIn = !path.startsWith('/login')
    this.#apis.push(api)
    await api.open()
    const { page, faults } = await this.visit(api.url, path, view)
    return { page, api, faults }
  }

  /** A fresh page inside the real daemon: signed in by a link whose code is redeemed before the page is opened. */
  async enter(daemon: Door, path: string, view: View = {}): Promise<Omit<Shown, 'api'>> {
    const code = new URL(daemon.loginUrl()).hash.slice(1)
    // A connection that is kept is closed by the daemon after a while, maybe just when it is used again.
    const headers = { origin: daemon.url, 'x-openloom': '1', connection: 'close' }
    const answer = await this.context.request.post(`${daemon.url}/api/login`, { data: { code }, headers })
    if (!answer.ok()) throw new Error(`the login was refused: ${await answer.text()}`)
    const shown = await this.visit(daemon.url, path, view)
    await shown.page.waitForSelector('.connection.live')
    return shown
  }

  /** A fresh page at an address, whoever serves it. */
  async visit(origin: string, path: string, view: View = {}): Promise<Omit<Shown, 'api'>> {
    const page = await this.context.newPage()
    // What does not come says so before the story is over.
    page.setDefaultTimeout(60_000)
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource|ERR_CONNECTION/.test(message.text())) {
        faults.push(`console: ${message.text()}`)
      }
    })
    page.on('request', (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) faults.push(`left: ${request.url()}`)
    })
    await page.setViewportSize({ width: view.width ?? 1440, height: (view.width ?? 1440) < 720 ? 844 : 900 })
    await page.emulateMedia({ colorScheme: view.theme ?? 'dark' })
    await page.goto(origin + path)
    return { page, faults }
  }
}

export interface Shown {
  page: Page
  api: FakeApi
  /** Page errors, CSP violations, requests that left the daemon. Always expected empty. */
  faults: string[]
}

export async function leave({ page, api }: Shown): Promise<void> {
  await page.close()
  await api.close()
}

/** Height of everything that a finger may want to hit; links inside a sentence are exempt, as in WCAG 2.5.8. */
export const smallTargets = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('a, button, summary, select, .field')]
      .filter((el) => el.offsetParent && !el.closest('p') && !el.classList.contains('skip'))
      .filter((el) => el.getBoundingClientRect().height < 43.5)
      .map((el) => `${el.tagName} ${el.className} ${el.innerText.slice(0, 30)}`),
  )

/** Keeps the answers to an address back once the daemon has given them: what happens meanwhile they cannot know. */
export async function heldAnswers(page: Page, url: string): Promise<{ reached: Promise<void>; release: () => void }> {
  const [reached, held] = [gate(), gate()]
  await page.route(url, async (route) => {
    const response = await route.fetch()
    reached.open()
    await held.opened
    await route.fulfill({ response })
  })
  return { reached: reached.opened, release: held.open }
}

function gate() {
  let open!: () => void
  const opened = new Promise<void>((done) => {
    open = done
  })
  return { opened, open }
}
