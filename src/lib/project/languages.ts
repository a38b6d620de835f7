/** What the files of Python, Rust, Go and Java projects say how to test and lint them. Only reads. */
import type { CommandKind, Folder, ProjectCommand } from './folder.ts'

type Found = Promise<ProjectCommand[]>

const one = (kind: CommandKind, run: string, because: string): ProjectCommand => ({ kind, run, because })

export async function pythonCommands(folder: Folder): Found {
  const [project, setup, tox] = await Promise.all(
    ['pyproject.toml', 'setup.cfg', 'tox.ini'].map(async (name) => (await folder.text(name)) ?? ''),
  )
  const found: ProjectCommand[] = []
  const because = await pytestSign(folder, { project: project ?? '', setup: setup ?? '', tox: tox ?? '' })
  const pytest = because === null ? null : await pythonProgram(folder, 'pytest')
  if (pytest !== null && because !== null) found.push(one('test', pytest, because))
  else if (/^\[(tox|testenv)\b/m.test(tox ?? '') && (await folder.program('tox'))) {
    found.push(one('test', 'tox', 'tox.ini'))
  }
  const mypy = /^\[tool\.mypy\][^[]*^files\s*=/ms.test(project ?? '') ? await pythonProgram(folder, 'mypy') : null
  if (mypy !== null) found.push(one('types', mypy, 'mypy in pyproject.toml'))
  const ruffFile = /^\[tool\.ruff\b/m.test(project ?? '')
    ? 'pyproject.toml'
    : await folder.firstOf(['ruff.toml', '.ruff.toml'])
  const ruff = ruffFile === null ? null : await pythonProgram(folder, 'ruff')
  if (ruff !== null) found.push(one('lint', `${ruff} check`, `ruff in ${ruffFile}`))
  return found
}

async function pytestSign(
  folder: Folder,
  { project, setup, tox }: Record<'project' | 'setup' | 'tox', string>,
): Promise<string | null> {
  if (/^\[tool\.pytest\b/m.test(project)) return 'pytest in pyproject.toml'
  if (/^\[tool:pytest\]/m.test(setup)) return 'pytest in setup.cfg'
  if (/^\[pytest\]/m.test(tox)) return 'pytest in tox.ini'
  const file = await folder.firstOf(['pytest.ini', '.pytest.ini', 'conftest.py'])
  if (file !== null) return file
  for (const place of ['tests', 'test', '.']) {
    const test = (await folder.names(place)).find((name) => /^(test_.*|.*_test|conftest)\.py$/.test(name))
    if (test !== undefined) return place === '.' ? test : `${place}/${test}`
  }
  return null
}

/** As the project itself would run it: its own environment first. */
async function pythonProgram(folder: Folder, name: string): Promise<string | null> {
  const own = await folder.program(`./.venv/bin/${name}`, `./venv/bin/${name}`)
  if (own !== null) return own
  for (const [lock, tool] of [
    ['uv.lock', 'uv'],
    ['poetry.lock', 'poetry'],
  ] as const) {
    if ((await folder.has(lock)) && (await folder.program(tool))) return `${tool} run ${name}`
  }
  return folder.program(name)
}

export async function rustCommands(folder: Folder): Found {
  const cargo = await folder.text('Cargo.toml')
  if (cargo === null || !(await folder.program('cargo'))) return []
  const found = [one('test', 'cargo test', 'Cargo.toml')]
  const configured = /^\[(workspace\.)?lints\.clippy\]/m.test(cargo)
    ? 'Cargo.toml'
    : await folder.firstOf(['clippy.toml', '.clippy.toml'])
  if (configured !== null && (await folder.program('cargo-clippy'))) {
    found.push(one('lint', 'cargo clippy --all-targets', `clippy in ${configured}`))
  }
  return found
}

export async function goCommands(folder: Folder): Found {
  if (!(await folder.has('go.mod')) || !(await folder.program('go'))) return []
  return [one('test', 'go test ./...', 'go.mod'), one('lint', 'go vet ./...', 'go.mod')]
}

export async function javaCommands(folder: Folder): Found {
  if (!(await folder.program('java'))) return []
  const gradle = await folder.firstOf(['build.gradle', 'build.gradle.kts', 'settings.gradle', 'settings.gradle.kts'])
  const build = gradle === null ? null : await folder.program('./gradlew', 'gradle')
  if (build !== null) return [one('test', `${build} test`, gradle ?? '')]
  const maven = (await folder.has('pom.xml')) ? await folder.program('./mvnw', 'mvn') : null
  return maven === null ? [] : [one('test', `${maven} -B test`, 'pom.xml')]
}
