import { Stack, Text, Title } from '@mantine/core'
import type { paths } from '../api/schema.gen.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { State } from '../parts/state.tsx'
import { ToButton } from '../parts/to.tsx'
import { Commands } from './commands.tsx'

type Result = paths['/v1/palisade/clusters']['post']['responses'][201]['content']['application/json']

/** What an import or a check came to, a line for each thing that was looked at or made. */
export function Checked({
  org,
  name,
  checked,
}: {
  readonly org: string
  readonly name: string
  readonly checked: Result
}) {
  const { created, missing, warnings, yaml, state, uid } = checked
  return (
    <Stack gap="md">
      <section className="sheet pad" aria-labelledby="checks" aria-live="polite">
        <Title order={2} size="h5" id="checks">
          {state === 'ready' ? `${name} is ready` : `${name} needs its bindings`}
        </Title>
        <ul className="steps">
          <li>
            <State tone="good">The cluster answered and proved who it is</State>
          </li>
          {created.map(({ kind, name: object, namespace }) => (
            <li key={kind + object}>
              <State tone="good">{`Made ${kind} ${namespace ? `${namespace}/` : ''}${object}`}</State>
            </li>
          ))}
          {missing.map(({ verb, resource, apiGroup, namespace, why }) => (
            <li key={verb + apiGroup + resource + (namespace ?? '') + why}>
              <State tone="warn">{`Missing: ${verb} ${resource}${apiGroup ? `.${apiGroup}` : ''}${namespace ? ` in ${namespace}` : ''}`}</State>
              <span className="quiet">{why}</span>
            </li>
          ))}
          {warnings.map((warning) => (
            <li key={warning}>
              <State tone="warn">{warning}</State>
            </li>
          ))}
          <li>
            <State tone="good">The kubeconfig was forgotten</State>
          </li>
        </ul>
      </section>
      {yaml && (
        <section className="sheet pad" aria-label="To apply">
          <Text size="sm">
            Somebody with the rights applies this on the cluster, then checks again on the cluster's page.
          </Text>
          <CodeBlock text={yaml} label="YAML" />
        </section>
      )}
      {state === 'ready' && <Commands uid={uid} name={name} />}
      <div>
        <ToButton to="/t/$org/clusters/$uid" params={{ org, uid }}>
          Open {name}
        </ToButton>
      </div>
    </Stack>
  )
}
