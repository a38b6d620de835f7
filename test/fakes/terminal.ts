/** The built program at a real pseudo terminal (made by `script`), as a person drives it. Ends what it started. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

export const hasTerminal = spawnSync('script', ['--version']).status === 0

export interface Terminal {
  /** Everything so far. */
  text(): string
  /** Keys as they are pressed. */
  type(keys: string): void
  /** Waits until this comes after what was seen before; gives all that came until then. */
  sees(wanted: string): Promise<string>
  exited: Promise<number | null>
}

const limitMs = 20_000

/** `argv` of node, without a shell's quoting: paths of tests have no quotes in them. */
export function openTerminal(
  argv: readonly string[],
  { cwd, env }: { cwd: string; env: Record<string, string> },
): Terminal {
  const line = [process.execPath, ...argv].map((word) => `'${word}'`).join(' ')
  const child: ChildProcess = spawn('script', ['-qfec', `stty cols 80; exec ${line}`, '/dev/null'], {
    ...{ cwd, env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'ignore'] },
  })
  let text = ''
  let seen = 0
  const listeners = new Set<() => void>()
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    for (const listener of [...listeners]) listener()
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    text: () => text,
    type: (keys) => void child.stdin?.write(keys),
    exited,
    sees(wanted) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          listeners.delete(look)
          reject(new Error(`not seen: ${wanted}\nin: ${text.slice(seen)}`))
        }, limitMs)
        const look = () => {
          const at = text.indexOf(wanted, seen)
          if (at < 0) return
          clearTimeout(timer)
          listeners.delete(look)
          const part = text.slice(seen, at + wanted.length)
          seen = at + wanted.length
          resolve(part)
        }
        listeners.add(look)
        look()
      })
    },
  }
}
