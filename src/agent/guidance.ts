/**
 * Brings instruction files and the memory of the repository into a run: at its start those of the whole session, later
 * those of folders whose files it touches. What was read becomes a row, so that the same is shown whatever happens to
 * the files.
 */
import type { ToolResult } from '../core/tool.ts'
import {
  foldersAbove,
  type GuideFolders,
  type InstructionFile,
  instructionText,
  readInstructions,
  readNested,
} from './instructions.ts'
import { loadMemory, memoryCharsMax } from './memory.ts'
import type { Run } from './run.ts'
import { windowOf } from './window.ts'

const charsMax = 48_000
const nestedCharsMax = 12_000
/** Of a small window they take no more than this part. */
const windowPart = 0.1
const charsAToken = 4

type Guided = Pick<Run, 'id' | 'session' | 'policy' | 'transcript' | 'source' | 'model' | 'room'> & GuideFolders

export class Guidance {
  private readonly run: Guided
  /** Folders that have none. */
  private readonly empty = new Set<string>()

  constructor(run: Guided) {
    this.run = run
  }

  /** What holds for the whole session; stored when it is not what the session has already. */
  async begin(): Promise<void> {
    const { session, userDir, memoryDir, transcript } = this.run
    const files = await readInstructions(session.workspace, userDir, this.roomFor(charsMax))
    const text = this.textOf(files)
    const memory =
      memoryDir === null ? '' : await loadMemory(memoryDir, session.workspace, this.roomFor(memoryCharsMax))
    const { history } = transcript
    if (text === history.instructions && memory === history.memory) return
    this.store('', text, files, memory)
  }

  /** Of folders on the way to files that a tool has read or changed. */
  async follow(results: readonly ToolResult[]): Promise<void> {
    const { session, transcript } = this.run
    for (const { facts } of results) {
      if (typeof facts?.path !== 'string') continue
      for (const folder of foldersAbove(session.workspace, facts.path)) {
        if (this.empty.has(folder) || transcript.history.folders.has(folder)) continue
        const files = await readNested(session.workspace, folder, this.roomFor(nestedCharsMax))
        if (files.length === 0) this.empty.add(folder)
        else this.store(folder, `For files below ${folder}:\n\n${this.textOf(files)}`, files)
      }
    }
  }

  private textOf(files: readonly InstructionFile[]): string {
    return instructionText(files, this.run.policy.trust === 'trusted')
  }

  private roomFor(most: number): number {
    const { source, model, room } = this.run
    return Math.min(most, Math.floor(windowOf(source, model, room) * windowPart * charsAToken))
  }

  private store(folder: string, text: string, files: readonly InstructionFile[], memory = ''): void {
    const paths = files.map(({ path }) => path)
    const also = memory === '' ? {} : { memory }
    this.run.transcript.append({ type: 'instructions', runId: this.run.id, folder, text, paths, ...also })
  }
}
