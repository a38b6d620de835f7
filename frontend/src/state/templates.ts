/** The example tasks of the specs folder, as they are at build time: texts to begin from. */
const found = import.meta.glob<string>('../../../specs/*.yaml', { query: '?raw', import: 'default', eager: true })

export interface Template {
  name: string
  /** Markdown whose front matter is the whole task. */
  text: string
}

export const templates: Template[] = Object.values(found).map((yaml) => ({
  name: /^name:\s*(.+)$/m.exec(yaml)?.[1]?.trim() ?? 'Example',
  text: `---\n${yaml.trim()}\n---\n`,
}))
