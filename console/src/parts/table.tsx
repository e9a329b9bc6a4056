import { ActionIcon, Button, Group, Skeleton, Table, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks'
import { IconArrowDown, IconArrowUp, IconChevronLeft, IconChevronRight, IconSearch } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { type Asked, answered } from './answered.tsx'
import { InRow } from './when.tsx'

/** What a page of a list may be at most, which is the API's own. */
export const pageSize = 50

export type Column<Row> = {
  readonly title: string
  /** The name it is sorted by in the address. */
  readonly sort?: string
  /** Left out on narrow screens. */
  readonly wide?: boolean
  /** Of an icon and a word, shows the icon alone on narrow screens; the word is still read aloud. */
  readonly icon?: boolean
  readonly end?: boolean
  readonly cell: (row: Row) => ReactNode
}

export type Listed<Row> = { readonly items: readonly Row[]; readonly count: number }

type Props<Row> = {
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rowKey: (row: Row) => string
  readonly list: Asked<Listed<Row>> & { readonly isFetching: boolean }
  /** Shown where there is nothing, and nothing was filtered. */
  readonly empty: ReactNode
  /** Something beside the text of the filter narrows the list. */
  readonly filtered?: boolean
}

/** Filter, order and page of a list, all of them in the address: a link shows a colleague the same. */
export function useListState() {
  const search = useSearch({ from: '/t/$org' })
  const navigate = useNavigate()
  const page = Math.max(1, Number(search.page) || 1)
  const sort = search.sort ?? ''
  return {
    search,
    q: search.q ?? '',
    page,
    offset: (page - 1) * pageSize,
    sort: { field: sort.replace(/^-/, ''), descending: sort.startsWith('-') },
    /** Changes the list, which leads back to its first page; or opens a panel over it, which the way back closes. */
    change: (changes: Readonly<Record<string, string | undefined>>) =>
      void navigate({
        to: '.',
        search: (before) => ({ ...before, ...('panel' in changes ? {} : { page: undefined }), ...changes }),
        replace: changes.panel === undefined,
      }),
  }
}

/** A table whose rows are walked by arrow keys; Enter opens, since each row's first link has the focus. */
export function DataTable<Row>({ label, columns, rowKey, list, empty, filtered = false }: Props<Row>) {
  const { sort, page, q, change } = useListState()
  const { data, failure } = answered(list)
  const body = useRef<HTMLTableSectionElement>(null)
  if (!data && failure) return failure
  if (data && data.items.length === 0)
    return (
      <>
        {failure}
        <div className="sheet empty" role="status">
          {data.count > 0 ? (
            <>
              <Text>There is no page {page.toLocaleString('en')}: this list ends before it.</Text>
              <Button
                size="xs"
                variant="default"
                onClick={() => change({ page: String(Math.ceil(data.count / pageSize)) })}
              >
                To the last page
              </Button>
            </>
          ) : q === '' && page === 1 && !filtered ? (
            empty
          ) : (
            <Text>Nothing matches. Clear the filter to see everything.</Text>
          )}
        </div>
      </>
    )
  return (
    <>
      {failure}
      <div className="sheet">
        <Table className="list" aria-label={label} aria-busy={list.isFetching}>
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Table.Th
                  key={column.title}
                  scope="col"
                  className={classOf(column)}
                  aria-sort={
                    column.sort !== undefined && column.sort === sort.field
                      ? sort.descending
                        ? 'descending'
                        : 'ascending'
                      : undefined
                  }
                >
                  {column.sort === undefined ? column.title : <SortBy column={column} />}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody ref={body} onKeyDown={walk}>
            <InRow value={true}>
              {data === undefined
                ? Array.from({ length: 6 }, (_, i) => (
                    // Rows of the real shape; they have no identity but their place.
                    // biome-ignore lint/suspicious/noArrayIndexKey: see above
                    <Table.Tr key={i}>
                      {columns.map((column) => (
                        <Table.Td key={column.title} className={classOf(column)}>
                          <Skeleton height={12} width="70%" />
                        </Table.Td>
                      ))}
                    </Table.Tr>
                  ))
                : data.items.map((row) => (
                    <Table.Tr key={rowKey(row)}>
                      {columns.map((column) => (
                        <Table.Td key={column.title} className={classOf(column)}>
                          {column.cell(row)}
                        </Table.Td>
                      ))}
                    </Table.Tr>
                  ))}
            </InRow>
          </Table.Tbody>
        </Table>
      </div>
      {data && data.count > pageSize && (
        <Pager count={data.count} page={page} go={(to) => change({ page: String(to) })} />
      )}
    </>
  )
}

const classOf = ({ wide, icon, end }: Pick<Column<never>, 'wide' | 'icon' | 'end'>) =>
  Object.entries({ wide, icon, end })
    .flatMap(([name, is]) => (is ? [name] : []))
    .join(' ') || undefined

function SortBy<Row>({ column }: { readonly column: Column<Row> }) {
  const { sort, change } = useListState()
  const by = column.sort ?? ''
  const active = sort.field === by
  const next = active && !sort.descending ? `-${by}` : by
  return (
    <button type="button" className="sortby" onClick={() => change({ sort: next })}>
      {column.title}
      {active && (sort.descending ? <IconArrowDown size={12} aria-hidden /> : <IconArrowUp size={12} aria-hidden />)}
    </button>
  )
}

function walk(event: KeyboardEvent<HTMLTableSectionElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key]
  if (step === undefined || event.metaKey || event.ctrlKey || event.altKey) return
  const row = (event.target as HTMLElement).closest('tr') // What has the focus is inside a row of this body.
  const next = step > 0 ? row?.nextElementSibling : row?.previousElementSibling
  const link = next?.querySelector<HTMLElement>('a, button')
  if (!link) return
  event.preventDefault()
  link.focus()
}

function Pager({
  count,
  page,
  go,
}: {
  readonly count: number
  readonly page: number
  readonly go: (to: number) => void
}) {
  const last = Math.ceil(count / pageSize)
  const from = (page - 1) * pageSize + 1
  return (
    <Group justify="flex-end" gap="xs" role="navigation" aria-label="Pages">
      <Text size="sm" className="quiet">
        {from.toLocaleString('en')}–{Math.min(count, page * pageSize).toLocaleString('en')} of{' '}
        {count.toLocaleString('en')}
      </Text>
      <ActionIcon variant="default" aria-label="Previous page" disabled={page <= 1} onClick={() => go(page - 1)}>
        <IconChevronLeft size={16} />
      </ActionIcon>
      <ActionIcon variant="default" aria-label="Next page" disabled={page >= last} onClick={() => go(page + 1)}>
        <IconChevronRight size={16} />
      </ActionIcon>
    </Group>
  )
}

/** The filter above a list; typing waits a moment, the arrow key leads into the rows. */
export function Filter({ label, placeholder }: { readonly label: string; readonly placeholder: string }) {
  const { q, change } = useListState()
  const [typed, setTyped] = useState(q)
  const input = useRef<HTMLInputElement>(null)
  const apply = useDebouncedCallback((next: string) => change({ q: next === '' ? undefined : next }), 200)
  useEffect(() => setTyped(q), [q])
  useHotkeys([['f', () => input.current?.focus()]])
  return (
    <TextInput
      ref={input}
      className="grow"
      size="xs"
      type="search"
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={14} aria-hidden />}
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value)
        apply(currentTarget.value.trim())
      }}
      onKeyDown={(event) => {
        if (event.key !== 'ArrowDown') return
        event.preventDefault()
        document.querySelector<HTMLElement>('.list tbody a, .list tbody button')?.focus()
      }}
    />
  )
}

/** How many there are, said to screen readers when it changes. */
export function Count({
  data,
  one,
  many,
}: {
  readonly data: Listed<unknown> | undefined
  readonly one: string
  readonly many: string
}) {
  return (
    <Text size="sm" className="quiet" role="status">
      {data ? `${data.count.toLocaleString('en')} ${data.count === 1 ? one : many}` : ' '}
    </Text>
  )
}
