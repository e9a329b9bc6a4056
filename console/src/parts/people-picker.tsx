import { MultiSelect } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useMay } from '../api/me.ts'
import { findPeople } from '../api/users.ts'

type Props = {
  readonly label: string
  readonly value: string[]
  readonly onChange: (uids: string[]) => void
}

/** Chooses people out of many: the server searches as one types; who is chosen stays in sight by name. */
export function PeoplePicker({ label, value, onChange }: Props) {
  const [typed, setTyped] = useState('')
  const [q] = useDebouncedValue(typed.trim(), 150)
  // Somebody who may not list members is not refused for having opened a form.
  const mayList = useMay()('user.list')
  const { data: found } = useQuery({
    queryKey: ['people', 'picker', q],
    enabled: mayList === true,
    queryFn: () => findPeople({ q, limit: 50 }),
    placeholderData: keepPreviousData,
  })
  const [chosen, setChosen] = useState<ReadonlyMap<string, string>>(new Map())
  const offered = new Map(found?.items.map(({ uid, name, email }) => [uid, `${name} (${email})`]))
  const options = new Map([...chosen, ...offered])
  return (
    <MultiSelect
      label={label}
      searchable
      // The server has filtered already, by name and e-mail alike.
      filter={({ options: all }) => all.filter((one) => 'value' in one && offered.has(one.value))}
      data={[...options].map(([uid, text]) => ({ value: uid, label: text }))}
      value={value}
      searchValue={typed}
      onSearchChange={setTyped}
      nothingFoundMessage={mayList === false ? 'To find members you need user.list' : 'Nobody fits'}
      onChange={(uids) => {
        setChosen(new Map(uids.map((uid) => [uid, options.get(uid) ?? uid])))
        onChange(uids)
      }}
    />
  )
}
