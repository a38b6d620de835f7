/** What every tool promises to the loop, whatever it does: a schema the model can read, no exception, no way out. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyTool } from '../../src/core/tool.ts'
import { toolWorld } from '../fakes/tool-world.ts'

export interface ToolSample {
  /** An input that does something harmless. */
  good: Record<string, unknown>
  /** The same with this path in place of its own; absent for tools without paths. */
  at?: (path: string) => Record<string, unknown>
}

const withoutPaths = ['bash', 'bash_output', 'web_fetch', 'ask_user', 'submit_plan', 'work_items']
const outputCharsMax = 120_000

export function toolContract(tools: readonly AnyTool[], samples: Readonly<Record<string, ToolSample>>): void {
  describe.each(tools.map((tool) => [tool.name, tool] as const))('tool: %s', (name, tool) => {
    const sample = samples[name]

    it('has a sample, a description and an object schema that names each parameter', () => {
      expect(sample).toBeDefined()
      expect(tool.description.length).toBeGreaterThan(20)
      const schema = z.toJSONSchema(tool.schema, { io: 'input' })
      expect(schema).toMatchObject({ type: 'object', additionalProperties: false })
    })

    it('refuses unknown and missing parameters by its schema', () => {
      expect(tool.schema.safeParse({ ...sample?.good, surprise: 1 }).success).toBe(false)
      expect(tool.schema.safeParse({}).success).toBe(false)
    })

    it('answers within the budget, and at once when the run was stopped before', async () => {
      const world = await toolWorld([tool])
      const result = await world.use(name, sample?.good ?? {})
      expect(result.output.length).toBeGreaterThan(0)
      expect(result.output.length).toBeLessThan(outputCharsMax)
      world.stop.abort()
      const startedAt = performance.now()
      expect(typeof (await world.use(name, sample?.good ?? {})).output).toBe('string')
      expect(performance.now() - startedAt).toBeLessThan(1_500)
    })

    it('does not leave the workspace: not by .., an absolute path, a sibling, a link, a broken link', async () => {
      if (!sample?.at) return expect(withoutPaths).toContain(name)
      const world = await toolWorld([tool])
      const sibling = `${world.context.workspace}-other`
      await mkdir(sibling)
      await writeFile(join(sibling, 'secret'), 'hush hush')
      await symlink(sibling, world.path('link'))
      await symlink(join(sibling, 'not-yet'), world.path('broken'))
      for (const path of ['../project-other/secret', '/etc/passwd', join(sibling, 'secret'), 'link/secret', 'broken']) {
        const result = await world.use(name, sample.at(path))
        expect([path, result.ok], result.output).toEqual([path, false])
        expect(result.output).not.toContain('hush')
      }
    })
  })
}
