/** Builds the page once before the browser stories, so that they never judge an old one. */
import { build } from 'vite'
import { root } from './page.ts'

export default async function setup(): Promise<void> {
  const before = process.env['NODE_ENV']
  // The test runner says "test", and the page would be built, and left behind in dist/, as a development build.
  process.env['NODE_ENV'] = 'production'
  try {
    await build({ configFile: `${root}frontend/vite.config.ts`, logLevel: 'warn' })
  } finally {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  }
}
