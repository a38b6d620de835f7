/** `npm run pictures`: takes the pictures of docs/images again, from the browser stories and the page as it is. */
import { join } from 'node:path'
import { ensureBuild, ensurePackages, root, run } from './ensure.mjs'

ensurePackages()
await ensureBuild()
const args = ['run', '--config', 'vitest.browser.config.ts', 'test/browser/pictures.test.ts']
const env = { ...process.env, OPENLOOM_PICTURES: join(root, 'docs', 'images') }
process.exit(run(join(root, 'node_modules', '.bin', 'vitest'), args, { env }))
