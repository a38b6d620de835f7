/** The verbs about what a person writes for agents, as main.ts adds them. It loads nothing until one is picked. */
import type { Command } from 'commander'
import type { Shell } from './program.ts'

type Pick = (action: () => Promise<number>) => void

const several = (text: string, before: string[] = []): string[] => [...before, text]

export function addTextVerbs(program: Command, shell: Shell, pick: Pick): void {
  addSkillVerbs(program, shell, pick)
  addMemoryVerbs(program, shell, pick)
}

function addSkillVerbs(program: Command, shell: Shell, pick: Pick): void {
  const load = () => import('./skill.ts')
  const skill = program.command('skill').description('procedures that were written down once, to be run again')
  skill
    .command('list', { isDefault: true })
    .description('yours, and those of this folder')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).listSkills(options, shell)))
  skill
    .command('show <name>')
    .description('one skill: parameters, text, last runs')
    .option('--json', 'answer as JSON')
    .action((name, options) => pick(async () => (await load()).showSkill(name, options, shell)))
  skill
    .command('new <name>')
    .description('write a file to begin with')
    .option('--project', 'in this folder instead of yours')
    .option('--json', 'answer as JSON')
    .action((name, options) => pick(async () => (await load()).newSkill(name, options, shell)))
  skill
    .command('run <name>')
    .description('run it as a task and follow it; exits with its outcome')
    .option('-p, --param <name=value>', 'the value of a parameter; may be repeated', several)
    .option('-w, --workspace <folder>', 'folder to work in (default: this one)')
    .option('--key <text>', 'Idempotency-Key: the same key twice is one run')
    .option('--json', 'print the task at the end as JSON')
    .action((name, options) => pick(async () => (await load()).runSkill(name, options, shell)))
}

function addMemoryVerbs(program: Command, shell: Shell, pick: Pick): void {
  const load = () => import('./memory.ts')
  const memory = program.command('memory').description('what agents are told in this folder beside the conversation')
  memory
    .command('list', { isDefault: true })
    .description('the files, and which of them count')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).listMemory(options, shell)))
  memory
    .command('show [file]')
    .description('one of them; without a file: the memory of this repository')
    .option('--json', 'answer as JSON')
    .action((file, options) => pick(async () => (await load()).showMemory(file, options, shell)))
  memory
    .command('add <text...>')
    .description('remember one line for every session in this repository')
    .option('--json', 'answer as JSON')
    .action((words, options) => pick(async () => (await load()).addMemory(words.join(' '), options, shell)))
  memory
    .command('edit [file]')
    .description('change one of them in $EDITOR, or to what comes through a pipe')
    .option('--json', 'answer as JSON')
    .action((file, options) => pick(async () => (await load()).editMemory(file, options, shell)))
}
