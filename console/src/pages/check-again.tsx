import { PasswordInput, Radio, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { FormDialog, TellDialog } from '../parts/form.tsx'
import { type CheckResult, Checks, ChecksUnderWay, ChecksUntil } from './checked.tsx'
import { type Bindings, BindingsChoice, KubeconfigField } from './credential-fields.tsx'

type Props = {
  readonly uid: string
  readonly name: string
  readonly mode: 'impersonation' | 'token'
  readonly state: 'ready' | 'needs-bindings' | 'pending'
  readonly close: () => void
}
type Given = 'kubeconfig' | 'token'

/**
 * Repeats what an import does, and shows what it came to. A cluster that is reached by an account needs a credential for it, since none of
 * the import is kept; one that takes tokens of ours needs none.
 */
export function CheckAgain({ uid, name, mode, state, close }: Props) {
  // Where the YAML was to be applied, a token of the account that it makes is what comes next.
  const [given, setGiven] = useState<Given>(state === 'needs-bindings' ? 'token' : 'kubeconfig')
  const [kubeconfig, setKubeconfig] = useState('')
  const [token, setToken] = useState('')
  const [bindings, setBindings] = useState<Bindings>('install')
  const [checked, setChecked] = useState<CheckResult>()
  const needed = mode === 'token' ? undefined : given
  if (checked)
    return (
      <TellDialog title={`Check ${name}`} size="lg" close={close}>
        <Checks name={name} checked={checked} forgotten={needed} />
      </TellDialog>
    )
  const credential = needed === 'token' ? { token: token.trim() } : { kubeconfig }
  return (
    <FormDialog
      title={`Check ${name}`}
      act="Check"
      size="lg"
      close={close}
      underWay={needed && <ChecksUnderWay kubeconfig={needed === 'kubeconfig'} />}
      cameTo={(error) => <ChecksUntil error={error} kubeconfig={needed === 'kubeconfig'} />}
      ready={needed === undefined || Object.values(credential).join('').trim() !== ''}
      run={() =>
        answer(
          api.POST('/v1/palisade/clusters/{uid}/check', {
            params: { path: { uid } },
            body: needed ? { ...credential, bindings } : {},
          }),
        )
      }
      done={(result) => {
        // Not kept a moment longer than they are needed.
        setKubeconfig('')
        setToken('')
        setChecked(result)
      }}
    >
      {needed ? (
        <>
          <Radio.Group
            label="With"
            value={given}
            onChange={(chosen) => setGiven(chosen === 'token' ? 'token' : 'kubeconfig')}
          >
            <Stack gap={6} mt={4}>
              <Radio value="kubeconfig" label="A kubeconfig of the same server" />
              <Radio value="token" label="A token for its API server" />
            </Stack>
          </Radio.Group>
          {needed === 'kubeconfig' ? (
            <KubeconfigField
              autoFocus
              description="The one of the import was thrown away. This one will be too."
              rows={8}
              value={kubeconfig}
              onChange={setKubeconfig}
            />
          ) : (
            <>
              <Text size="sm">Whoever administers the cluster gets one of Palisade’s account there by</Text>
              <CodeBlock text="kubectl -n palisade-system create token palisade-impersonator" label="Command" />
              <PasswordInput
                data-autofocus
                label="Token"
                description="Used once, to get one that Palisade renews by itself; then it is thrown away."
                required
                spellCheck={false}
                autoComplete="off"
                visibilityToggleButtonProps={{ 'aria-label': 'Show the token' }}
                value={token}
                onChange={({ currentTarget }) => setToken(currentTarget.value)}
              />
            </>
          )}
          <BindingsChoice value={bindings} onChange={setBindings} />
        </>
      ) : (
        <Text size="sm">
          No credential is needed: Palisade shows the API server tokens of somebody who does not exist, those that it
          has to take and those that it has to refuse. Nothing is changed on the cluster.
        </Text>
      )}
    </FormDialog>
  )
}
