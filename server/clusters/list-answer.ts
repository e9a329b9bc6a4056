import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { listMetaWith, pageOf, type pageQuery, storableText } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { type After, type ClusterPage, isByName, type ListClusters, type Sorting, type Wanted } from './listing.ts'
import { type Asking, visibleClusters } from './visibility.ts'

/** Lists have no end of their own where they have no paging; they show this many clusters at most. */
const everything = { limit: 10_000, offset: 0 }

type Chosen = { readonly wanted: Wanted; readonly sorting: Sorting }
type AskingInTx = Asking & { readonly tx: Tx }
type Listed = { readonly clusters: ClusterPage['clusters']; readonly listmeta: ReturnType<typeof listMetaWith> }

/** Lists for whoever asks: what they may see of what is wanted. */
export type Lists = {
  /** One page, with its `listmeta`. */
  page(c: AskingInTx, query: z.output<typeof pageQuery>, chosen: Chosen): Promise<Result<Listed, Refusal>>
  /** The same without pages. */
  all(c: AskingInTx, chosen?: Chosen): Promise<Result<ClusterPage['clusters'], Refusal>>
}

export function listsWith(list: ListClusters): Lists {
  return {
    async page(c, query, { wanted, sorting }) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const page = pageOf(query)
      if (!page.ok) return err(refuse('invalid', page.error))
      const after = afterOf(page.value.token)
      if (after === 'none' || (after && !isByName(sorting)))
        return err(refuse('invalid', 'continue is not a token of this list'))
      const asked = { visible: visible.value, wanted, sorting, page: page.value, after }
      const { clusters, count, next } = await list(c.tx, asked)
      const token = next && (next.after ? JSON.stringify([next.after.nameKey, next.after.uid]) : '')
      return ok({ clusters, listmeta: listMetaWith(page.value, { returned: clusters.length, count, token }) })
    },
    async all(c, chosen) {
      const visible = visibleClusters(c)
      if (!visible.ok) return visible
      const { clusters } = await list(c.tx, { visible: visible.value, page: everything, ...chosen })
      return ok(clusters)
    },
  }
}

const AfterToken = z.tuple([storableText(512), z.string().regex(/^[0-9a-f]{24}$/)])

function afterOf(token: string | undefined): After | undefined | 'none' {
  if (token === undefined) return undefined
  try {
    const parsed = AfterToken.safeParse(JSON.parse(token))
    return parsed.success ? { nameKey: parsed.data[0], uid: parsed.data[1] } : 'none'
  } catch {
    return 'none'
  }
}
