import type { Command } from 'commander'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** What can follow one command: its sub-commands and long options, with what they are for. */
type Place = { readonly path: string; readonly words: readonly { readonly word: string; readonly about: string }[] }

/** A script that completes commands and options; it is made of the commands themselves and asks nothing at run time. */
export function completionScript(shell: Shell, program: Command): string {
  const places = placesOf(program, '')
  if (shell === 'fish') return fish(places)
  return shell === 'bash' ? bash(places) : zsh(places)
}

function placesOf(command: Command, path: string): Place[] {
  const subcommands = command.createHelp().visibleCommands(command)
  const options = command.createHelp().visibleOptions(command)
  const words = [
    ...subcommands.map((one) => ({ word: one.name(), about: one.description() })),
    ...options.flatMap(({ long, description }) => (long ? [{ word: long, about: description }] : [])),
  ]
  return [
    { path, words },
    ...subcommands
      .filter((one) => one.name() !== 'help')
      .flatMap((one) => placesOf(one, `${path} ${one.name()}`.trim())),
  ]
}

/** Walks the words before the cursor as far as they are commands; options and names between them are passed over. */
const walk = (places: readonly Place[]) => {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`)
  return `    case "\${at:+$at }$word" in ${paths.join('|')}) at="\${at:+$at }$word" ;; esac`
}

const cases = (places: readonly Place[], line: (place: Place) => string) =>
  places.map((place) => `    '${place.path}') ${line(place)} ;;`).join('\n')

function bash(places: readonly Place[]): string {
  return `# Completion of palisade for bash: source <(palisade completion bash)
_palisade() {
  local word at='' words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${walk(places)}
  done
  case "$at" in
${cases(places, ({ words }) => `words='${words.map(({ word }) => word).join(' ')}'`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _palisade palisade
`
}

function zsh(places: readonly Place[]): string {
  const described = ({ words }: Place) =>
    `candidates=(${words.map(({ word, about }) => quoted(`${word}:${about}`)).join(' ')})`
  return `#compdef palisade
# Completion of palisade for zsh: source <(palisade completion zsh), after compinit
_palisade() {
  local word at='' candidates
  for word in "\${(@)words[2,CURRENT-1]}"; do
${walk(places)}
  done
  case "$at" in
${cases(places, described)}
  esac
  _describe -t commands palisade candidates || _files
}
compdef _palisade palisade
`
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words }) =>
    words.map(
      ({ word, about }) => `complete -c palisade -n "__palisade_at '${path}'" -a ${quoted(word)} -d ${quoted(about)}`,
    ),
  )
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path))
  return `# Completion of palisade for fish: palisade completion fish | source
function __palisade_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$at $word")
        if contains -- $next ${paths.join(' ')}
            set at $next
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

/** A word of either shell. An apostrophe ends the quotes in both; zsh and fish read \`\\'\` outside of them. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
