import { Argument, type Command } from 'commander'
import type { Wiring } from './command-options.ts'
import { completionScript, type Shell, shells } from './completion.ts'

/** `palisade completion`: added last, so that it knows every other command. */
export function addCompletion(program: Command, { edges }: Wiring): void {
  program
    .command('completion')
    .description('print a script that completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText('after', completionHelp)
    .action((shell: Shell) => edges.out(completionScript(shell, program)))
}

const completionHelp = `
  source <(palisade completion bash)        in ~/.bashrc
  source <(palisade completion zsh)         in ~/.zshrc, after compinit
  palisade completion fish | source         in ~/.config/fish/config.fish
`
