import { answer, api } from './client.ts'

/** People whose name or e-mail holds the text: the API asks for both at once, so it is asked twice. */
export async function findUsers(text: string) {
  const search = (member: 'name' | 'emailId') =>
    answer(api.POST('/v1/users/summary', { body: { filter: { [member]: { contains: text } } } }))
  const [byName, byEmail] = await Promise.all([search('name'), search('emailId')])
  const found = new Map([...byName.items, ...byEmail.items].map((user) => [user.metadata.uid, user]))
  return [...found.values()].sort((a, b) => a.metadata.name.localeCompare(b.metadata.name))
}
