/** `openloom models`: which models there are, which is the default, and whether their providers work. */
import { type ModelRow, openModelDesk } from '../parts.ts'
import { exit } from './exit.ts'
import { type Shell, UsageError } from './program.ts'
import { settingsHere } from './settings.ts'
import { paint, print, printJson, safe } from './terminal.ts'

interface Options {
  json?: boolean
}

export async function listModels({ json }: Options, shell: Shell): Promise<number> {
  const desk = openModelDesk(await settingsHere(shell), shell.env)
  const [{ models, problems }, offered] = await Promise.all([desk.list(), desk.detect()])
  if (json) printJson({ models, problems, offered })
  else {
    for (const row of models) print(lineOf(row))
    for (const { provider, problem } of problems) print(paint('yellow', safe(`${provider}: ${problem.text}`)))
    if (models.length === 0 && problems.length === 0) print('No provider is configured.')
    if (offered.length > 0) print('\nCould be used, if you add it to models.providers:')
    for (const { because, yaml } of offered) print(safe(`  ${yaml}   # ${because}`))
  }
  return problems.length > 0 ? exit.provider : exit.ok
}

function lineOf({ provider, model, isDefault, contextTokens, price }: ModelRow): string {
  const context = contextTokens === null ? 'context unknown' : `${contextTokens} tokens`
  const cost = price ? `${price.input} in, ${price.output} out per million` : 'price unknown'
  return safe(`${isDefault ? '*' : ' '} ${provider}/${model}  ${context}  ${cost}`)
}

export async function testModels(name: string | undefined, { json }: Options, shell: Shell): Promise<number> {
  const desk = openModelDesk(await settingsHere(shell), shell.env)
  if (desk.names.length === 0) throw new UsageError({ kind: 'no-model', text: 'No provider is configured.' })
  if (name !== undefined && !desk.names.includes(name)) {
    const text = `There is no provider "${name}". There are: ${desk.names.join(', ')}.`
    throw new UsageError({ kind: 'provider-unknown', text })
  }
  const tests = await desk.test(name ?? null)
  if (json) printJson(tests)
  else {
    for (const { provider, model, problem, answeredMs } of tests) {
      const mark = problem ? paint('red', 'failed') : paint('green', 'ok')
      const said = problem ? [problem.text, problem.todo].filter(Boolean).join(' ') : `answered in ${answeredMs} ms`
      print(`${mark}  ${safe(`${provider}${model ? `/${model}` : ''}  ${said}`)}`)
    }
  }
  return tests.some(({ problem }) => problem) ? exit.provider : exit.ok
}
