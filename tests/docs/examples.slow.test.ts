import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { type Palisade, startPalisade } from '../support/palisade.ts'
import { freePort } from '../support/ports.ts'
import { createProcessFamily, type ProcessFamily } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { type Block, blocksOf, readDoc, root } from './markdown.ts'
import type { Person } from './person-in-browser.ts'

/*
 * Runs what the documentation tells people to paste, block after block in one shell, against a fresh server, and compares what
 * it prints. A block is run when its fence says `sh run`; `sh run cluster` needs a cluster besides. A block `text output` is
 * what the block before it prints; `…` in it stands for anything, and runs of blanks count as one. `browser=E-MAIL,PASSWORD`
 * says who sits before the browser that a block opens (`browser=administrator`: the first one).
 */

const noCluster = await clusterSkipReason()
/** What a walk may take. */
const walkMs = 120_000

describe('what the documentation tells people to paste', () => {
  let family: ProcessFamily
  let palisade: Palisade
  let cluster: Cluster | undefined

  before(async () => {
    family = await createProcessFamily('docs')
    ;[palisade, cluster] = await Promise.all([
      startPalisade({ family }),
      noCluster === false ? startCluster({ name: 'east' }) : undefined,
    ])
    // The page makes it with `kubectl run`, which takes a scheduler; the tests' cluster has none.
    await cluster?.createPod('default', 'web')
  })
  after(async () => {
    await palisade?.stop()
    await cluster?.stop()
    await family?.stop()
  })

  for (const page of ['README.md', 'docs/getting-started.md', 'docs/cli.md']) {
    const steps = stepsOf(page)
    const withoutCluster = steps.filter(({ run }) => !run.words.includes('cluster'))
    const needsCluster = withoutCluster.length < steps.length
    test(page, { skip: needsCluster && noCluster }, () => walk(page, steps))
    if (needsCluster && noCluster !== false) test(`${page}, without a cluster`, () => walk(page, withoutCluster))
  }

  async function walk(page: string, steps: readonly Step[]): Promise<void> {
    const printed = await runAll(steps.map(({ run }) => ({ text: forThisServer(run.text), person: personOf(run) })))
    for (const [i, { run, output }] of steps.entries()) {
      const what = printed[i] ?? ''
      if (output) assert.match(flat(what), patternOf(forThisServer(output.text)), `${page}, line ${output.line}`)
      else assert.equal(what.trim(), '', `${page}, line ${run.line}: the page does not show what this prints`)
    }
  }

  /** Another address, administrator and folder than a reader's. */
  function forThisServer(text: string): string {
    return text
      .replaceAll('https://localhost:8443', palisade.url)
      .replaceAll(/(\$PWD\/)?data\/pki\/ca\.crt/g, palisade.caFile)
      .replaceAll('admin@palisade.local', palisade.administrator.email)
      .replaceAll('what the first start printed', palisade.administrator.password)
  }

  function personOf({ words }: Block): Person | undefined {
    const named = words.find((word) => word.startsWith('browser='))?.slice('browser='.length)
    if (named === 'administrator') return { ...palisade.administrator, isAdministrator: true }
    const [email = '', password = ''] = named?.split(',') ?? []
    return named === undefined ? undefined : { email, password, isAdministrator: false }
  }

  /** @returns what each of the texts printed, on both outputs; throws where one failed, with all that was printed */
  async function runAll(
    steps: readonly { readonly text: string; readonly person: Person | undefined }[],
  ): Promise<readonly string[]> {
    const marker = '\u001e'
    const script = join(family.folder, 'walk.sh')
    const personFile = join(family.folder, 'person.json')
    const lines = steps.flatMap(({ text, person }) => [
      ...(person ? [`printf %s '${JSON.stringify(person)}' > ${personFile}`] : []),
      `printf '${marker}'`,
      text,
    ])
    await writeFile(script, ['set -euo pipefail', 'exec 2>&1', ...lines, ''].join('\n'))
    const programs = join(family.folder, 'programs')
    await mkdir(programs, { recursive: true })
    if (cluster) await symlink(cluster.tools.kubectl, join(programs, 'kubectl')).catch(ignoreExisting)
    const command = [
      process.execPath,
      join(root, 'tests/docs/person-in-browser.ts'),
      '"$1"',
      palisade.caFile,
      personFile,
    ]
    await writeFile(join(programs, 'xdg-open'), `#!/bin/sh\nexec ${command.join(' ')}\n`, { mode: 0o755 })

    // A copy: a page may add to it, and the next one begins with the reader's own again.
    const kubeconfig = join(family.folder, 'walk.kubeconfig')
    if (cluster) await copyFile(cluster.adminKubeconfig, kubeconfig)

    const child = spawn('/bin/bash', [script], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: walkMs,
      killSignal: 'SIGKILL',
      env: {
        PATH: `${programs}:${process.env.PATH}`,
        HOME: family.folder,
        TMPDIR: family.folder,
        DISPLAY: ':99',
        ...(cluster ? { KUBECONFIG: kubeconfig } : {}),
      },
    })
    family.adopt(child)
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
    const [code] = await once(child, 'close')
    const inBrowser = await readFile(`${personFile}.log`, 'utf8').catch(() => '')
    assert.equal(
      code,
      0,
      `the walk ended with ${code ?? 'a signal'}:\n${printed.replaceAll(marker, '—\n')}${inBrowser}`,
    )
    return printed.split(marker).slice(1)
  }
})

test('README.md shows what a first start prints', async () => {
  const family = await createProcessFamily('first-start')
  try {
    const port = await freePort()
    const child = spawn(process.execPath, ['server/main.ts'], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...{ PATH: process.env.PATH ?? '', HOME: family.folder },
        PALISADE_DATA_DIR: join(family.folder, 'data'),
        PALISADE_PORT: String(port),
        PALISADE_METRICS_PORT: String(await freePort()),
      },
    })
    family.adopt(child)
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
    await until('the end of what a first start prints', () => /Ctrl-C/.test(printed) || undefined)
    const shown = blocksOf(readDoc('README.md'))[1]?.text ?? ''
    assert.match(flat(printed), patternOf(shown.replaceAll('localhost:8443', `localhost:${port}`)))
  } finally {
    await family.stop()
  }
})

test('the pages say what a reader has to put in, and the walk puts it in', () => {
  const text = readDoc('docs/getting-started.md')
  for (const placeholder of ['url=https://localhost:8443', 'ca=$PWD/data/pki/ca.crt', 'what the first start printed'])
    assert.ok(text.includes(placeholder), placeholder)
})

type Step = { readonly run: Block; readonly output: Block | undefined }

function stepsOf(page: string): readonly Step[] {
  const steps: { run: Block; output: Block | undefined }[] = []
  for (const block of blocksOf(readDoc(page))) {
    if (block.words.includes('run')) steps.push({ run: block, output: undefined })
    if (!block.words.includes('output')) continue
    const last = steps.at(-1)
    assert.ok(last && !last.output, `${page}, line ${block.line}: output of no block`)
    last.output = block
  }
  assert.ok(steps.length > 0, `${page} has nothing to run`)
  return steps
}

const flat = (text: string) => text.trim().replaceAll(/[ \t]+/g, ' ')

function patternOf(output: string): RegExp {
  const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${flat(output).split('…').map(literal).join('[^]*?')}$`)
}

function ignoreExisting(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EEXIST') throw cause
}
