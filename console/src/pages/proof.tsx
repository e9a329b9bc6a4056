import { Alert, Button, Drawer, FileInput, Group, Progress, Stack, Text, Textarea, Title } from '@mantine/core'
import { IconFileCheck, IconShieldCheck } from '@tabler/icons-react'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Step } from '../../ledger/steps.ts'
import { answer, api } from '../api/client.ts'
import { type KeptKey, keepKey, keptKey, shownKey } from '../api/log-key.ts'
import type { paths } from '../api/schema.gen.ts'
import { answered } from '../parts/answered.tsx'
import { Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { useLayer } from '../parts/layer.ts'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import { When } from '../parts/when.tsx'
import { type Verdict, verifyHere } from './verifier.ts'

type Entry = paths['/v1/audits']['get']['responses'][200]['content']['application/json']['items'][number]

/** That an entry stands in the log as it was written: what proves it, and the computing of it in this browser. */
export function Proof({ entry: { metadata } }: { readonly entry: Entry }) {
  const [kept, setKept] = useState(keptKey)
  const query = useQuery({
    queryKey: ['audit', 'proof', metadata.uid],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () =>
      answer(api.GET('/v1/palisade/audit/entries/{uid}/proof', { params: { path: { uid: metadata.uid } } })),
  })
  const proof = answered(query)
  const verifying = useMutation({
    async mutationFn() {
      if (!proof.data) throw new Error('there is no proof yet')
      const key = kept ?? keepKey(await shownKey())
      setKept(key)
      const { event = '', outcome = '' } = metadata.annotations
      const page = { uid: metadata.uid, event, outcome }
      return verifyHere({ kind: 'entry', key: key.key, proof: proof.data, page })
    },
  })
  return (
    <section className="stack" aria-labelledby="proof">
      <Title order={3} size="h6" id="proof">
        Proof
      </Title>
      {proof.failure}
      {proof.data && (
        <>
          <Facts
            rows={[
              ['Place', `${proof.data.index} of ${proof.data.size} entries under the checkpoint`],
              ['Leaf hash', <Copyable key="leaf" text={proof.data.leaf} label="Copy leaf hash" />],
              ['Path to the root', `${proof.data.path.length} hashes`],
              ['Checkpoint', <Copyable key="checkpoint" text={proof.data.checkpoint} label="Copy checkpoint" />],
            ]}
          />
          <Group gap="sm">
            <Button
              size="xs"
              leftSection={<IconShieldCheck size={14} aria-hidden />}
              loading={verifying.isPending}
              onClick={() => verifying.mutate()}
            >
              Verify here
            </Button>
            <Text size="sm" className="quiet">
              Computes it in this browser, with the key that it keeps.
            </Text>
          </Group>
        </>
      )}
      {verifying.error && <Failure error={verifying.error} />}
      {verifying.data && (
        <Outcome
          verdict={verifying.data}
          good="The entry stands in the log as this page shows it."
          bad="This does not verify."
        />
      )}
      {kept && <Key kept={kept} change={setKept} />}
    </section>
  )
}

/** An export that somebody has, proved whole; of a changed one the first bad entry is named. */
export function VerifyExport({ close }: { readonly close: () => void }) {
  useLayer(close)
  const [kept, setKept] = useState(keptKey)
  const [file, setFile] = useState<File | null>(null)
  const [read, setRead] = useState({ bytes: 0, lines: 0 })
  const verifying = useMutation({
    async mutationFn(chosen: File) {
      const key = kept ?? keepKey(await shownKey())
      setKept(key)
      setRead({ bytes: 0, lines: 0 })
      return verifyHere({ kind: 'export', key: key.key, file: chosen }, setRead)
    },
  })
  const { data } = verifying
  return (
    <Drawer opened onClose={close} size="lg" title="Verify an export" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="md">
        <Text size="sm">
          Reads the file in this browser, line by line, and sends it nowhere. The same as{' '}
          <span className="mono">palisade audit verify</span>.
        </Text>
        <FileInput
          label="Export"
          placeholder="audit.jsonl"
          accept=".jsonl"
          value={file}
          onChange={(chosen) => {
            setFile(chosen)
            verifying.reset()
          }}
        />
        <Group>
          <Button
            size="xs"
            disabled={file === null}
            loading={verifying.isPending}
            leftSection={<IconFileCheck size={14} aria-hidden />}
            onClick={() => file && verifying.mutate(file)}
          >
            Verify
          </Button>
          {verifying.isPending && (
            <Text size="sm" role="status">
              {read.lines.toLocaleString('en')} lines
            </Text>
          )}
        </Group>
        {verifying.isPending && file && (
          <Progress value={(100 * read.bytes) / Math.max(1, file.size)} aria-label="How far it is read" />
        )}
        {verifying.error && <Failure error={verifying.error} />}
        {data && (
          <Outcome
            verdict={data}
            good="Every entry is there, in order, unchanged."
            bad={
              data.firstBadIndex === undefined
                ? 'This export does not verify.'
                : `This export does not verify: the first bad entry has index ${data.firstBadIndex}.`
            }
          />
        )}
        {kept && <Key kept={kept} change={setKept} />}
      </Stack>
    </Drawer>
  )
}

function Outcome({
  verdict: { ok, steps },
  good,
  bad,
}: {
  readonly verdict: Verdict
  readonly good: string
  readonly bad: string
}) {
  return (
    <>
      <Alert role={ok ? 'status' : 'alert'} color={ok ? 'green' : 'red'} title={ok ? 'Verified' : 'Not verified'}>
        <Text size="sm" c="var(--mantine-color-text)">
          {ok ? good : bad}
        </Text>
      </Alert>
      <ol className="proof" aria-label="What was done">
        {steps.map((step) => (
          <OneStep key={step.what} step={step} />
        ))}
      </ol>
    </>
  )
}

function OneStep({ step: { what, ok, facts } }: { readonly step: Step }) {
  return (
    <li>
      <State tone={ok ? 'good' : 'bad'}>{what}</State>
      <Facts rows={facts} />
    </li>
  )
}

/** Which key is trusted, since when, and the way to trust another. */
function Key({ kept, change }: { readonly kept: KeptKey; readonly change: (kept: KeptKey) => void }) {
  const [typed, setTyped] = useState<string>()
  const shown = useQuery({ queryKey: ['audit', 'key'], queryFn: shownKey })
  const differs = shown.data !== undefined && shown.data !== kept.key
  return (
    <section className="stack" aria-label="The log’s key">
      {differs && (
        <Alert role="alert" color="red" title="The server shows another key">
          <Text size="sm" c="var(--mantine-color-text)">
            This browser goes on with the one that it keeps. A log changes its key when it is restored; ask before you
            trust the other.
          </Text>
        </Alert>
      )}
      <Text size="sm" className="quiet">
        Key <Copyable text={kept.key} label="Copy key" />, kept in this browser <When at={kept.since} />. It came from
        this server then: compare it with the one that you keep elsewhere.
      </Text>
      {typed === undefined ? (
        <Button size="compact-xs" variant="default" onClick={() => setTyped('')}>
          Use another key
        </Button>
      ) : (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault()
            change(keepKey(typed))
            setTyped(undefined)
          }}
        >
          <Textarea
            label="The log’s public key"
            description="As palisade audit key prints it"
            classNames={{ input: 'mono' }}
            spellCheck={false}
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          />
          <Button size="compact-xs" type="submit" disabled={typed.trim() === ''}>
            Keep this key
          </Button>
        </form>
      )}
    </section>
  )
}
