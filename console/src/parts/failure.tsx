import { Alert, Button, Group, Text } from '@mantine/core'
import { IconAlertTriangle, IconLock } from '@tabler/icons-react'
import { Refused, type Scope } from '../api/client.ts'
import { useScopeName } from '../api/me.ts'
import { Copyable } from './copy.tsx'
import { Uses } from './uses.tsx'
import { WhyButton } from './why.tsx'

type Props = {
  readonly error: unknown
  readonly retry?: (() => void) | undefined
  /** What is below it was there before it. */
  readonly isOld?: boolean
}

/** What happened, what still holds, what to do, and the request id. */
export function Failure({ error, retry, isOld = false }: Props) {
  const refused = error instanceof Refused ? error : undefined
  const denied = refused?.status === 403
  return (
    <Alert
      role="alert"
      variant="light"
      color={denied ? 'yellow' : 'red'}
      icon={denied ? <IconLock aria-hidden /> : <IconAlertTriangle aria-hidden />}
      title={titleOf(error)}
    >
      <Text size="sm" c="var(--mantine-color-text)">
        {refused?.scope ? <Named refused={refused} scope={refused.scope} /> : (refused?.message ?? unanswered(error))}
        {isOld && ' What is shown below is as it was before.'}
      </Text>
      {refused && refused.issues.length > 1 && (
        <ul>
          {refused.issues.map(({ path, problem }) => (
            <li key={path + problem}>
              {path}: {problem}
            </li>
          ))}
        </ul>
      )}
      {refused && refused.uses.length > 0 && <Uses of={refused} />}
      <Group gap="sm" mt="xs">
        {denied && refused?.permission && (
          <WhyButton
            permission={refused.permission}
            scope={refused.scope ?? { kind: 'tenant', uid: '' }}
            requestId={refused.requestId}
          />
        )}
        {retry && !denied && (
          <Button size="xs" variant="default" onClick={retry}>
            Try again
          </Button>
        )}
        {refused?.requestId && (
          <span className="inline quiet">
            Request <Copyable text={refused.requestId} label="Copy request id" />
          </span>
        )}
      </Group>
    </Alert>
  )
}

/** What the server said, with the scope by its name and what clients do as people do it; the request id stands below. */
function Named({ refused, scope }: { readonly refused: Refused; readonly scope: Scope }) {
  const nameOf = useScopeName()
  return refused.message
    .replace(`${scope.kind} ${scope.uid}`, nameOf(scope))
    .replace('; if you meant a project, send the ProjectUid header', '; for one project alone, choose it above')
    .replace(/ \(request [\w-]+\)$/, '.')
}

/** `fetch` fails with a TypeError where no answer comes (WHATWG Fetch); whether the server did what it was asked, nobody here knows. */
const unanswered = (error: unknown) =>
  error instanceof TypeError
    ? 'No answer came from the server. If something was to be changed, look whether it was before trying again.'
    : 'The console failed to show this. What was asked of the server may have been done.'

function titleOf(error: unknown): string {
  if (!(error instanceof Refused)) return 'No answer'
  if (error.code === 'FeatureNotAllowed') return 'This feature is switched off here'
  if (error.status === 403)
    return error.code === 'ResourceLimitReached' ? 'The limit is reached' : 'You may not do this'
  if (error.status === 404) return 'Not found'
  if (error.status === 409) return 'This is in the way'
  if (error.status === 429) return 'Too many requests'
  if (error.status >= 500) return 'The server failed'
  return 'The server did not accept this'
}
