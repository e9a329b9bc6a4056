import { Alert, Button, Group, Kbd, Switch, Text, TextInput, useComputedColorScheme } from '@mantine/core'
import { IconPlayerStop, IconTerminal2 } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { type Exec, type ExecEnd, type ExecTarget, startExec } from './exec.ts'
import { createScreen, type Screen } from './xterm.ts'

type Place = Omit<ExecTarget, 'command'>
type Run = { readonly id: number; readonly command: readonly string[] }
/** DECTCEM, reset. */
const hideCursor = '\x1b[?25l'
const readerKey = 'palisade.terminal.screen-reader'

/**
 * A terminal in a container. It is opened by a click and never by an address, since opening one is an act that the log records; when it
 * ends it says why, and is opened again by a click.
 */
export function Terminal(place: Place) {
  const [typed, setTyped] = useState('')
  const [run, setRun] = useState<Run>()
  const [end, setEnd] = useState<ExecEnd>()
  const [reader, setReader] = useState(() => localStorage.getItem(readerKey) === 'true')
  const stop = useRef<HTMLButtonElement>(null)
  const live = run !== undefined && end === undefined
  const open = () => {
    setEnd(undefined)
    setRun({ id: (run?.id ?? 0) + 1, command: typed.split(/\s+/).filter((word) => word !== '') })
  }
  return (
    <section className="stack" aria-label={`Terminal in ${place.container}`}>
      <div className="filters">
        <TextInput
          className="grow mono"
          size="xs"
          aria-label="Command"
          placeholder="The container’s shell, or a command"
          spellCheck={false}
          disabled={live}
          value={typed}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          onKeyDown={({ key }) => key === 'Enter' && !live && open()}
        />
        <Switch
          size="xs"
          label="For screen readers"
          checked={reader}
          disabled={live}
          onChange={({ currentTarget: { checked } }) => {
            localStorage.setItem(readerKey, String(checked))
            setReader(checked)
          }}
        />
        {live ? (
          <Button
            ref={stop}
            size="xs"
            variant="light"
            color="red"
            leftSection={<IconPlayerStop size={14} aria-hidden />}
            onClick={() => setEnd({ kind: 'exited', code: 0 })}
          >
            End terminal
          </Button>
        ) : (
          <Button size="xs" leftSection={<IconTerminal2 size={14} aria-hidden />} onClick={open}>
            {run ? 'Open again' : 'Open terminal'}
          </Button>
        )}
      </div>
      {end && <Ended end={end} />}
      {!run && (
        <div className="sheet empty">
          <Text>Opens a shell in {place.container}, as you, through Palisade.</Text>
          <Text size="sm" className="quiet">
            That it was opened, by whom and how it ended is in the audit log; what is typed is not.
          </Text>
        </div>
      )}
      {run && (
        <Shell
          key={run.id}
          {...place}
          command={run.command}
          reader={reader}
          live={live}
          leave={() => stop.current?.focus()}
          ended={(how) => setEnd((before) => before ?? how)}
        />
      )}
      {live && (
        <Text size="xs" className="quiet" id="leave-terminal">
          <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">F6</Kbd> leaves the terminal: every other key, Tab too, goes to the
          program in it.
        </Text>
      )}
    </section>
  )
}

type ShellProps = ExecTarget & {
  readonly reader: boolean
  readonly live: boolean
  readonly leave: () => void
  readonly ended: (end: ExecEnd) => void
}

/** The screen and what runs behind it, for as long as it is shown. */
function Shell({ reader, live, leave, ended, ...target }: ShellProps) {
  const host = useRef<HTMLDivElement>(null)
  const screen = useRef<Screen>(undefined)
  const running = useRef<Exec>(undefined)
  const theme = useComputedColorScheme('light')

  // biome-ignore lint/correctness/useExhaustiveDependencies: one screen and one command for the life of this component
  useEffect(() => {
    if (!host.current) return
    const mine = createScreen(host.current, { screenReader: reader })
    const { terminal } = mine
    const exec = startExec(target, {
      opened() {
        exec.resize(terminal.cols, terminal.rows)
        terminal.focus()
      },
      output: (bytes) => terminal.write(bytes),
      ended,
    })
    terminal.onData(exec.send)
    terminal.onResize(({ cols, rows }) => exec.resize(cols, rows))
    terminal.textarea?.setAttribute('aria-describedby', 'leave-terminal')
    terminal.attachCustomKeyEventHandler((event) => {
      if (event.type !== 'keydown' || event.key !== 'F6' || !event.ctrlKey) return true
      event.preventDefault()
      leave()
      return false
    })
    screen.current = mine
    running.current = exec
    return () => {
      exec.close()
      mine.dispose()
    }
  }, [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme is what the colours are read of
  useEffect(() => screen.current?.setTheme(), [theme])

  useEffect(() => {
    if (live || !screen.current) return
    running.current?.close()
    screen.current.terminal.options.disableStdin = true
    screen.current.terminal.write(hideCursor)
  }, [live])

  return <div ref={host} className="shell" data-ended={!live} />
}

function Ended({ end }: { readonly end: ExecEnd }) {
  if (end.kind === 'refused') return <Failure error={end.error} />
  if (end.kind === 'exited')
    return (
      <Alert color="gray" role="status" title="The terminal has ended">
        {end.code === 0 ? 'What ran in it has ended.' : `What ran in it ended with code ${end.code}.`}
      </Alert>
    )
  return (
    <Alert color={end.kind === 'ended' ? 'yellow' : 'red'} role="alert" title="The terminal was ended">
      <Group gap="sm">
        <span>{end.why}</span>
        {end.kind === 'ended' && end.requestId && (
          <span className="inline quiet">
            Request <Copyable text={end.requestId} label="Copy request id" />
          </span>
        )}
      </Group>
    </Alert>
  )
}
