import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type Expression, type Rule, selectionQuery } from '../api/filters.ts'
import { Failure } from './failure.tsx'
import { namesOf } from './grants.tsx'

type Operator = Expression['operator']

/** What operators say, and what they say denied; `values`: what they compare with, if anything. */
export const operators = {
  eq: { is: 'is', isNot: 'is not', values: 'text' },
  in: { is: 'is one of', isNot: 'is none of', values: 'text' },
  prefix: { is: 'begins with', isNot: 'does not begin with', values: 'text' },
  exists: { is: 'is there', isNot: 'is not there', values: 'none' },
  lt: { is: 'is below', isNot: 'is not below', values: 'number' },
  lte: { is: 'is at most', isNot: 'is not at most', values: 'number' },
  gt: { is: 'is above', isNot: 'is not above', values: 'number' },
  gte: { is: 'is at least', isNot: 'is not at least', values: 'number' },
  before: { is: 'is before', isNot: 'is not before', values: 'time' },
  after: { is: 'is after', isNot: 'is not after', values: 'time' },
} as const satisfies Readonly<Record<Operator, object>>

/** `env is prod or stage, and team is not billing` */
export const ruleText = ({ conjunction, expressions }: Rule): string =>
  expressions
    .map(({ key, operator, negation, values }) => {
      const { is, isNot } = operators[operator]
      const compared = namesOf(
        values.map((name) => ({ name: name === '' ? '(empty)' : name })),
        'or',
      )
      return [key, negation ? isNot : is, compared].filter((part) => part !== '').join(' ')
    })
    .join(conjunction === 'and' ? ', and ' : ', or ')

/** How many of the clusters that the reader sees a rule selects, and the first of them by name. */
export function Selected({ rule, name }: { readonly rule: Rule; readonly name?: string }) {
  const { data, error } = useQuery({ ...selectionQuery(rule), retry: false })
  if (error) return <Failure error={error} />
  if (!data) return null
  const { clusters, count, of } = data
  const left = count - clusters.length
  return (
    <Text size="sm" role="status">
      {name === undefined ? 'Selects' : `${name} selects`} {count.toLocaleString('en')} of {of.toLocaleString('en')}{' '}
      {of === 1 ? 'cluster' : 'clusters'} that you see
      {count > 0 &&
        `: ${clusters.map((one) => one.name).join(', ')}${left > 0 ? ` and ${left.toLocaleString('en')} more` : ''}`}
      .
    </Text>
  )
}
