/** The verbs about models and the keys for them, as main.ts adds them. It loads nothing until one is picked. */
import type { Command } from 'commander'
import type { Shell } from './program.ts'

export function addModelVerbs(program: Command, shell: Shell, pick: (action: () => Promise<number>) => void): void {
  const load = () => import('./models.ts')
  const models = program
    .command('models')
    .description('the models there are, the default marked')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await load()).listModels(options, shell)))
  models
    .command('test [provider]')
    .description('ask one short question; costs a few tokens')
    .option('--json', 'answer as JSON')
    .action((name, _, verb) => pick(async () => (await load()).testModels(name, verb.optsWithGlobals(), shell)))
  const secrets = () => import('./secret.ts')
  const secret = program.command('secret').description('keys that are kept for you')
  secret
    .command('set <name>')
    .description('keep a key, read from standard input; that of a provider has its name')
    .option('--json', 'answer as JSON')
    .action((name, options) => pick(async () => (await secrets()).setSecret(name, options, shell)))
  secret
    .command('list')
    .description('names of what is kept, and where')
    .option('--json', 'answer as JSON')
    .action((options) => pick(async () => (await secrets()).listSecrets(options, shell)))
  secret
    .command('remove <name>')
    .description('forget one')
    .option('--json', 'answer as JSON')
    .action((name, options) => pick(async () => (await secrets()).removeSecret(name, options, shell)))
}
