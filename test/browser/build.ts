/** Builds the page once before the browser stories, so that they never judge an old one. */
import { build } from 'vite'
import { root } from './page.ts'

export default async function setup(): Promise<void> {
  await build({ configFile: `${root}frontend/vite.config.ts`, logLevel: 'warn' })
}
