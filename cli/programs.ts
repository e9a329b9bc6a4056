import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type CliEdges, envOf, type ProgramEnd } from './edges.ts'

/** Where a program is that the PATH leads to; undefined: nowhere. */
export function programOnPath(name: string, world: Pick<CliEdges, 'env'>): string | undefined {
  const candidates = (envOf(world, 'PATH') ?? '').split(delimiter).map((folder) => join(folder, name))
  return candidates.find((program) => {
    try {
      accessSync(program, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Runs a program to its end. Its output is read whole: it is a kubeconfig, a token, or a few lines. */
export function runProgram(
  program: string,
  args: readonly string[],
  { input, env }: { readonly input: string; readonly env: CliEdges['env'] },
): Promise<ProgramEnd> {
  // What is meant for this program is nothing for others.
  const { PALISADE_TOKEN: _, ...others } = env
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'pipe', env: others })
    const said = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.err += text
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, ...said }))
    // A program that ends without reading says why by itself.
    child.stdin.once('error', () => {})
    child.stdin.end(input)
  })
}

/** Whether this machine can show a page: a desktop, or a program that was named for it, as editors on far machines do. */
export const hasBrowser = (world: Pick<CliEdges, 'env'>): boolean =>
  ['DISPLAY', 'WAYLAND_DISPLAY', 'BROWSER'].some((name) => envOf(world, name) !== undefined)

/** Opens a page by the desktop's own program (xdg-utils), which outlives this one and has nothing to say here. */
export function browse(url: string, world: Pick<CliEdges, 'env'>): void {
  const program = programOnPath('xdg-open', world)
  if (program === undefined) return
  // A browser runs for days, and has no use for what is meant for this program.
  const { PALISADE_TOKEN: _, ...env } = world.env
  const child = spawn(program, [url], { stdio: 'ignore', detached: true, env })
  // The address was printed: where this fails, a person opens it.
  child.once('error', () => {})
  child.unref()
}
