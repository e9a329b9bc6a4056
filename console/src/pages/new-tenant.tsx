import { Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { answer, api } from '../api/client.ts'
import { FormDialog } from '../parts/form.tsx'

type NewProps = { readonly close: () => void; readonly done: (uid: string) => void }

/** A tenant and its first person. */
export function NewTenant({ close, done }: NewProps) {
  const [typed, setTyped] = useState({ orgName: '', firstName: '', lastName: '', emailId: '' })
  const field = (name: keyof typeof typed) => ({
    value: typed[name],
    autoComplete: 'off',
    onChange: (event: { readonly currentTarget: { readonly value: string } }) => {
      const { value } = event.currentTarget
      setTyped((before) => ({ ...before, [name]: value }))
    },
  })
  return (
    <FormDialog
      title="New tenant"
      act="Create"
      close={close}
      ready={typed.orgName.trim() !== '' && typed.firstName.trim() !== '' && typed.emailId.includes('@')}
      run={() => answer(api.POST('/v1/tenants', { body: { spec: typed } }))}
      done={({ uid }) => done(uid)}
    >
      <TextInput data-autofocus label="Name" required maxLength={100} {...field('orgName')} />
      <Text size="sm" className="quiet">
        Its first user, who becomes its administrator:
      </Text>
      <TextInput label="First name" required {...field('firstName')} />
      <TextInput label="Last name" {...field('lastName')} />
      <TextInput label="E-mail" type="email" required {...field('emailId')} />
    </FormDialog>
  )
}
