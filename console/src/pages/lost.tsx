import { Text, Title } from '@mantine/core'

import { Page } from '../parts/page.tsx'
import { To } from '../parts/to.tsx'

/** An address of the console that leads nowhere. */
export function Lost() {
  return (
    <Page title="No such page">
      <WayBack />
    </Page>
  )
}

/** The same where there is no frame around it. */
export function LostOutside() {
  return (
    <main className="main">
      <div className="page">
        <Title order={1} size="h3">
          No such page
        </Title>
        <WayBack />
      </div>
    </main>
  )
}

function WayBack() {
  return (
    <Text>
      Nothing is at this address.{' '}
      <To to="/" underline="always">
        To the start
      </To>
    </Text>
  )
}
