/** The verbs about sessions, as main.ts adds them. It loads nothing until one is picked. */
import type { Command } from 'commander'
import type { Shell } from './program.ts'

export function addSessionVerbs(program: Command, shell: Shell, pick: (action: () => Promise<number>) => void): void {
  const load = () => import('./sessions.ts')
  const sessions = program.command('sessions').description('the sessions of all runtimes; without a verb: list')
  const list = (verb: Command) =>
    verb
      .option('--all', 'more of them, subagents too')
      .option('--workspace <folder>', 'only of this folder')
      .option('--state <names>', 'only in these states, e.g. busy,waiting')
      .option('--archived', 'those that were put away')
      .option('--json', 'answer as JSON')
      .action((_, verb) => pick(async () => (await load()).listSessions(verb.optsWithGlobals(), shell)))
  list(sessions)
  list(sessions.command('list').description('list them, what was touched last first'))
  sessions
    .command('show <session>')
    .description('one session: state, subagents, what it asks')
    .option('--transcript', 'with what was said')
    .option('--diff', 'with what it changed')
    .option('--usage', 'with tokens and cost')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).showSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('abort <session>')
    .description('end its turn; a task that works in it is paused')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).abortSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('resume <session>')
    .description('prompt it to go on')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) =>
      pick(async () => (await load()).promptSession(id, null, { options: verb.optsWithGlobals(), shell })),
    )
  sessions
    .command('prompt <session> <text>')
    .description('send it a prompt')
    .option('--json', 'answer as JSON')
    .action((id, text, _, verb) =>
      pick(async () => (await load()).promptSession(id, text, { options: verb.optsWithGlobals(), shell })),
    )
  addEditVerbs(sessions, shell, pick)
  addFileVerbs(sessions, shell, pick)
}

function addEditVerbs(sessions: Command, shell: Shell, pick: (action: () => Promise<number>) => void): void {
  const load = () => import('./session-edits.ts')
  sessions
    .command('search <words...>')
    .description('find words in titles and in what was said')
    .option('--json', 'answer as JSON')
    .action((words, _, verb) =>
      pick(async () => (await load()).searchSessions(words.join(' '), verb.optsWithGlobals(), shell)),
    )
  sessions
    .command('rename <session> <title>')
    .description('give it another title')
    .option('--json', 'answer as JSON')
    .action((id, title, _, verb) =>
      pick(async () => (await load()).renameSession(id, title, { options: verb.optsWithGlobals(), shell })),
    )
  sessions
    .command('archive <session>')
    .description('put it out of sight')
    .option('--undo', 'back into the list')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).archiveSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('delete <session>')
    .description('delete it with all that was said and kept of its files')
    .option('--yes', 'it is meant')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).deleteSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('fork <session>')
    .description('a new session with the beginning of this one')
    .option('--at <message>', 'id of the last message that it shall have (sessions show --transcript --json)')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).forkSession(id, verb.optsWithGlobals(), shell)))
}

function addFileVerbs(sessions: Command, shell: Shell, pick: (action: () => Promise<number>) => void): void {
  const load = () => import('./session-edits.ts')
  sessions
    .command('undo <session>')
    .description('take its last turn back')
    .option('--files', 'with what its calls changed')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).undoSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('steps <session>')
    .description('which call changed which files')
    .option('--json', 'answer as JSON')
    .action((id, _, verb) => pick(async () => (await load()).listSteps(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('restore <session> [files...]')
    .description('bring files (default: all that it changed) back to what they were before it')
    .option('--from <call>', 'only what this call and those after it changed (sessions steps)')
    .option('--json', 'answer as JSON')
    .action((id, files, _, verb) =>
      pick(async () => (await load()).restoreFiles(id, files, { options: verb.optsWithGlobals(), shell })),
    )
  sessions
    .command('export <session>')
    .description('write it as JSON, or as markdown for people')
    .option('--markdown', 'for people')
    .option('-o, --output <file>', 'into this file, which must not be there')
    .action((id, _, verb) => pick(async () => (await load()).exportSession(id, verb.optsWithGlobals(), shell)))
  sessions
    .command('import <file>')
    .description('take an exported session in; nothing of it is run')
    .option('--workspace <folder>', 'folder that it goes on in (default: this one)')
    .option('--json', 'answer as JSON')
    .action((file, _, verb) => pick(async () => (await load()).importSession(file, verb.optsWithGlobals(), shell)))
}
