/** Asks axe-core which rules of WCAG 2.2 AA a page breaks. It looks only: it knows no view and judges no scene. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * One line a violation: the rule, what it says, and where; empty is what is expected. The debugger puts the rules in,
 * so the page keeps its strict CSP.
 */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(`if (!('axe' in window)) { ${source} }`)
  const asked = JSON.stringify({ runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })
  const found = (await page.evaluate(`window.axe.run(document, ${asked})`)) as AxeResults
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => {
      const why = failureSummary?.split('\n').slice(1, 3).join(' ').trim() ?? ''
      return `${id}: ${help} — ${target.join(' ')} ${why}`
    }),
  )
}

/** Ten frames without a move: on its way to its end a session's composer lies over what it asks. */
export const atRest = (page: Page): Promise<unknown> =>
  page.evaluate(async () => {
    const place = () => `${scrollY} ${document.documentElement.scrollHeight}`
    for (let still = 0, frames = 0, last = ''; still < 10 && frames < 600; frames++) {
      const now = place()
      still = now === last ? still + 1 : 0
      last = now
      await new Promise((resolve) => requestAnimationFrame(resolve))
    }
  })
