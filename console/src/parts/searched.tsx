import { MultiSelect, Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useMay } from '../api/me.ts'

export type Option = { readonly uid: string; readonly text: string }

/** What is chosen from: many more than a page could hold, so the server searches as one types. */
export type Source = {
  /** Names the list among the others that are kept. */
  readonly name: readonly string[]
  /** The right to list them: somebody without it is not refused for having opened a form. */
  readonly needs: string
  readonly find: (q: string) => Promise<readonly Option[]>
}

type Search = Source & {
  readonly label: string
  /** What is chosen already, by name. */
  readonly known?: readonly Option[] | undefined
}

/** What is offered for what is typed. */
function useSearch({ name, needs, find, known = [], label }: Search, shownText?: string) {
  const [typed, setTyped] = useState('')
  // A field that shows what is chosen is not asked for that alone.
  const wanted = typed === shownText ? '' : typed.trim()
  const [q] = useDebouncedValue(wanted, 150)
  const mayList = useMay()(needs)
  const { data: found, isPlaceholderData } = useQuery({
    queryKey: ['picker', ...name, q],
    enabled: mayList === true,
    queryFn: () => find(q),
    placeholderData: keepPreviousData,
  })
  const isSettled = wanted === q && !isPlaceholderData
  const fits = (text: string) => text.toLowerCase().includes(wanted.toLowerCase())
  const offered = new Map(found?.map(({ uid, text }) => [uid, text]))
  const texts = new Map([...known.map(({ uid, text }) => [uid, text] as const), ...offered])
  return {
    texts,
    field: {
      label,
      searchable: true,
      clearable: true,
      searchValue: typed,
      onSearchChange: setTyped,
      // The server filters, by more than what is shown; until it has answered, what is there is narrowed by what is shown.
      filter: ({ options }: { readonly options: readonly object[] }) =>
        options.filter(
          (one): one is { value: string; label: string } =>
            'value' in one &&
            offered.has(String(one.value)) &&
            (isSettled || fits(String(offered.get(String(one.value))))),
        ),
      nothingFoundMessage: mayList === false ? `To choose here you need ${needs}` : 'Nothing fits',
    },
  }
}

type Many = Search & {
  readonly description?: string
  readonly value: string[]
  readonly onChange: (uids: string[], chosen: readonly Option[]) => void
}

/** Chooses some out of many; what is chosen stays in sight by name. */
export function ChooseMany({ value, onChange, description, ...search }: Many) {
  const [chosen, setChosen] = useState<readonly Option[]>([])
  const { texts, field } = useSearch({ ...search, known: [...(search.known ?? []), ...chosen] })
  return (
    <MultiSelect
      {...field}
      {...(description === undefined ? {} : { description })}
      clearButtonProps={{ 'aria-label': `Clear ${search.label.toLowerCase()}` }}
      data={[...texts].map(([uid, text]) => ({ value: uid, label: text }))}
      value={value}
      onChange={(uids) => {
        const now = uids.map((uid) => ({ uid, text: texts.get(uid) ?? uid }))
        setChosen(now)
        onChange(uids, now)
      }}
    />
  )
}

type One = Search & {
  readonly placeholder: string
  /** What the way to choose nothing is called. */
  readonly clear: string
  readonly value: Option | undefined
  readonly onChange: (uid: string | undefined) => void
  readonly except?: string
}

/** Chooses one out of many, in a line of filters. */
export function ChooseOne({ value, onChange, placeholder, clear, except, label, ...search }: One) {
  const { texts, field } = useSearch({ ...search, label, known: value ? [value] : [] }, value?.text)
  return (
    <Select
      {...field}
      label={undefined}
      aria-label={label}
      size="xs"
      w={280}
      placeholder={placeholder}
      clearButtonProps={{ 'aria-label': clear }}
      data={[...texts].filter(([uid]) => uid !== except).map(([uid, text]) => ({ value: uid, label: text }))}
      value={value?.uid ?? null}
      onChange={(uid) => onChange(uid ?? undefined)}
    />
  )
}
