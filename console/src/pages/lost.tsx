import { Text } from '@mantine/core'
import { currentSession } from '../api/session.ts'
import { Page } from '../parts/page.tsx'
import { To } from '../parts/to.tsx'

export function Lost() {
  return (
    <main className="main">
      <Page title="No such page">
        <Text>This address leads nowhere in the console.</Text>
        <To to="/t/$org" params={{ org: currentSession().tenant.name }}>
          Go to the start
        </To>
      </Page>
    </main>
  )
}
