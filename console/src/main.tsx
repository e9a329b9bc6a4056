import '@mantine/core/styles.css'
import '@mantine/spotlight/styles.css'
import './tokens.css'
import './console.css'
import { createTheme, MantineProvider, Text, Title } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { Refused } from './api/client.ts'
import { watchPresence } from './api/presence.ts'
import { emptyPageBy, loadSession, signInAgain } from './api/session.ts'
import { Failure } from './parts/failure.tsx'
import { router } from './router.tsx'

const noLandmark = { header: { role: 'presentation' } }
const theme = createTheme({
  primaryColor: 'cyan',
  fontFamily: 'var(--mantine-font-family)',
  defaultRadius: 'sm',
  autoContrast: false,
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // Locking the page's scrolling writes a style element, which the policy without inline styles refuses.
    // Named, not imported: what the first page does not use is not loaded with it.
    // Their header is no landmark: two may be open, and a page has one banner. Escape is parts/layer.ts's, for the topmost alone.
    Modal: {
      defaultProps: {
        lockScroll: false,
        closeOnEscape: false,
        centered: true,
        transitionProps: { duration: 80 },
        attributes: noLandmark,
        overlayProps: { backgroundOpacity: 0.4 },
      },
    },
    Drawer: {
      defaultProps: {
        lockScroll: false,
        closeOnEscape: false,
        position: 'right',
        transitionProps: { duration: 80 },
        attributes: noLandmark,
        overlayProps: { backgroundOpacity: 0.4 },
      },
    },
    // A list that opens by itself on the way through a form covers what comes next; a click, a letter or an arrow opens it.
    MultiSelect: { defaultProps: { openOnFocus: false } },
    Tooltip: { defaultProps: { openDelay: 250, events: { hover: true, focus: true, touch: true } } },
  },
})

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays one however often it is asked; only a server that is busy or away is asked again.
      retry: (count, error) =>
        count < 2 && (!(error instanceof Refused) || error.status === 429 || error.status >= 500),
    },
  },
})

watchPresence()
const root = createRoot(document.getElementById('root') ?? document.body)
emptyPageBy((to) => root.render(<Ended to={to} />))
await start()

async function start(): Promise<void> {
  try {
    if ((await loadSession()) === undefined) return signInAgain()
    root.render(
      <Around>
        <RouterProvider router={router} />
      </Around>,
    )
  } catch (error) {
    root.render(
      <Around>
        <main className="main">
          <div className="page">
            <Failure error={error} retry={() => void start()} />
          </div>
        </main>
      </Around>,
    )
  }
}

/** What stays of a page whose session ended while nobody was there. */
function Ended({ to }: { readonly to: string }) {
  useEffect(() => {
    document.title = 'Session ended · Palisade'
  }, [])
  return (
    <Around>
      <main className="main">
        <div className="page">
          <Title order={1} size="h3">
            Your session has ended
          </Title>
          <Text>
            <a href={to}>Sign in again</a>
          </Text>
        </div>
      </main>
    </Around>
  )
}

function Around({ children }: { readonly children: React.ReactNode }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </MantineProvider>
  )
}
