/** A workspace in a temporary folder and the context of a run in it; everything is gone after the test. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createTools } from '../../src/agent/tools/index.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { ToolContext, ToolResult } from '../../src/core/tool.ts'
import { childEnvironment, killTree } from '../../src/lib/process.ts'
import { unconfined } from '../../src/lib/sandbox/sandbox.ts'

export interface ToolWorld {
  context: ToolContext
  stop: AbortController
  live: string[]
  path(name: string): string
  put(name: string, data: string | Uint8Array): Promise<string>
  /** Validates as the loop does, then runs. */
  use(tool: string, input: Record<string, unknown>): Promise<ToolResult>
}

let worlds = 0

export async function toolWorld(tools = createTools()): Promise<ToolWorld> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'tools-')))
  const workspace = join(root, 'project')
  const outputDir = join(root, 'outputs')
  await mkdir(workspace)
  await mkdir(outputDir)
  worlds += 1
  const stop = new AbortController()
  const live: string[] = []
  const owner = `test-${process.pid}-${worlds}-${Math.round(performance.now())}`
  const context: ToolContext = {
    workspace,
    outputDir,
    env: childEnvironment(process.env),
    owner,
    confinement: unconfined,
    clock: systemClock,
    signal: stop.signal,
    seen: new Map(),
    live: (text) => live.push(text),
  }
  onTestFinished(async () => {
    stop.abort()
    await killTree(undefined, owner)
    await rm(root, { recursive: true, force: true })
  })
  return {
    context,
    stop,
    live,
    path: (name) => join(workspace, name),
    async put(name, data) {
      await mkdir(dirname(join(workspace, name)), { recursive: true })
      await writeFile(join(workspace, name), data)
      return join(workspace, name)
    },
    async use(name, input) {
      const tool = tools.find((one) => one.name === name)
      if (!tool) throw new Error(`no tool ${name}`)
      return tool.run(tool.schema.parse(input), context)
    },
  }
}
