import { Stack, Text, Title } from '@mantine/core'
import { type ClusterCheckName, checkSteps, checksUntil, clusterChecks } from '../../../contract/cluster-checks.ts'
import { Refused } from '../api/client.ts'
import type { paths } from '../api/schema.gen.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { State } from '../parts/state.tsx'
import { ToButton } from '../parts/to.tsx'
import { Commands } from './commands.tsx'

export type CheckResult = paths['/v1/palisade/clusters']['post']['responses'][201]['content']['application/json']

/** What an import came to, and what one does next. */
export function Checked({
  org,
  name,
  checked,
}: {
  readonly org: string
  readonly name: string
  readonly checked: CheckResult
}) {
  const { state, uid } = checked
  return (
    <Stack gap="md">
      <Checks name={name} checked={checked} forgotten="kubeconfig" />
      {state === 'ready' && <Commands uid={uid} name={name} />}
      <div>
        <ToButton to="/t/$org/clusters/$uid" params={{ org, uid }}>
          Open {name}
        </ToButton>
      </div>
    </Stack>
  )
}

type Props = {
  readonly name: string
  readonly checked: CheckResult
  /** The credential that was given for it, if one was. */
  readonly forgotten: 'kubeconfig' | 'token' | undefined
}

/** A line for each thing that was looked at or made, and what to apply where something is missing. */
export function Checks({ name, checked, forgotten }: Props) {
  const { checks, created, missing, warnings, yaml, state, kubernetesVersion, levels } = checked
  return (
    <>
      <section className="sheet pad" aria-labelledby="checks" aria-live="polite">
        <Title order={2} size="h5" id="checks">
          {state === 'ready' ? `${name} is ready` : `${name} needs its bindings`}
        </Title>
        <ul className="steps">
          {checks.map((check) => (
            <Step key={check} check={check} tone="good" />
          ))}
          <li>
            <State tone="good">{`It runs Kubernetes ${kubernetesVersion}`}</State>
          </li>
          {created.map(({ kind, name: object, namespace }) => (
            <li key={kind + object}>
              <State tone="good">{`Made ${kind} ${namespace ? `${namespace}/` : ''}${object}`}</State>
            </li>
          ))}
          {levels?.map((level) => (
            <li key={level}>
              <State tone="good">{`Level ${level} is bound`}</State>
            </li>
          ))}
          {missing.map(({ verb, resource, apiGroup, name: object, namespace, why }) => (
            <li key={verb + apiGroup + resource + (object ?? '') + (namespace ?? '') + why}>
              <State tone="warn">{`Missing: ${verb} ${resource}${apiGroup ? `.${apiGroup}` : ''}${object ? ` ${object}` : ''}${namespace ? ` in ${namespace}` : ''}`}</State>
              <span className="quiet">{why}</span>
            </li>
          ))}
          {!levels && state === 'ready' && (
            <li>
              <State tone="quiet">Nothing was changed: the cluster is reached as before</State>
            </li>
          )}
          {warnings.map((warning) => (
            <li key={warning}>
              <State tone="warn">{warning}</State>
            </li>
          ))}
          {forgotten && (
            <li>
              <State tone="good">{`The ${forgotten} was forgotten`}</State>
            </li>
          )}
        </ul>
      </section>
      {yaml && (
        <section className="sheet pad" aria-label="To apply">
          <Text size="sm">
            Somebody with the rights applies this on the cluster, then checks again on the cluster's page.
          </Text>
          <CodeBlock text={yaml} label="YAML to apply" />
        </section>
      )}
    </>
  )
}

/** What is looked at with an account, until the answer says how far that came. */
export function ChecksUnderWay({ kubeconfig }: { readonly kubeconfig: boolean }) {
  const asked = clusterChecks.filter((check) => check !== 'tokens' && (check !== 'kubeconfig' || kubeconfig))
  return (
    <section aria-label="Checks" role="status">
      <Text size="sm">The cluster is being looked at; this takes up to half a minute. What has to hold:</Text>
      <ul className="steps">
        {asked.map((check) => (
          <Step key={check} check={check} tone="quiet" />
        ))}
      </ul>
    </section>
  )
}

/** How far it came before it was refused; nothing where the refusal is of something else. */
export function ChecksUntil({ error, kubeconfig }: { readonly error: unknown; readonly kubeconfig: boolean }) {
  const until = error instanceof Refused ? checksUntil(error.code, { kubeconfig }) : undefined
  if (!until) return null
  return (
    <ul className="steps" aria-label="Checks">
      {until.held.map((check) => (
        <Step key={check} check={check} tone="good" />
      ))}
      <Step check={until.failed} tone="bad" />
    </ul>
  )
}

/** One check as the command line says it too, as a line of its own. */
function Step({ check, tone }: { readonly check: ClusterCheckName; readonly tone: 'good' | 'bad' | 'quiet' }) {
  const { holds } = checkSteps[check]
  const said = holds.slice(0, 1).toUpperCase() + holds.slice(1)
  return (
    <li>
      <State tone={tone}>{tone === 'bad' ? `Failed: ${holds}` : said}</State>
    </li>
  )
}
