import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { toolWorld } from '../../fakes/tool-world.ts'

it('SE-4 W8 paths lead out of the workspace only where a person gave root access', async () => {
  const world = await toolWorld()
  const sibling = `${world.context.workspace}-other`
  await mkdir(sibling)
  await writeFile(join(sibling, 'a'), 'beside')
  await symlink(sibling, world.path('link'))
  for (const path of ['../project-other/a', join(sibling, 'a'), 'link/a']) {
    expect((await world.use('read', { file_path: path })).ok).toBe(false)
    world.context.access = 'root'
    expect(await world.use('read', { file_path: path })).toMatchObject({
      ok: true,
      output: expect.stringContaining('beside'),
    })
    world.context.access = 'scoped'
  }
})
