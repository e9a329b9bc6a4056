import assert from 'node:assert/strict'
import { type Provider, ProviderError } from './provider.ts'
import type { AnyRow } from './resource.ts'

/**
 * What Terraform does with a configuration, at a parallelism: apply, plan, change, plan, import, refresh of what went away behind
 * its back, destroy. A plan is empty where what is read equals what was written.
 */
export function replay(provider: Provider, parallelism: number) {
  const ids = new Map<AnyRow, string>()
  const idOf = (row: AnyRow) => ids.get(row) ?? assert.fail(`${row.resource.name} has no id`)

  /**
   * As many at once as the parallelism says, in the order of the rows. One client serves all of them, so that a call for a
   * project may come without it; it is refused then, and a person applies again.
   */
  async function each(rows: readonly AnyRow[], act: (row: AnyRow) => Promise<void>): Promise<void> {
    const waiting = [...rows]
    const again: AnyRow[] = []
    const next = async () => {
      for (let row = waiting.shift(); row; row = waiting.shift()) {
        provider.select(row.resource.context)
        try {
          await act(row)
        } catch (cause) {
          if (!(parallelism > 1 && cause instanceof ProviderError && cause.code === 'ProjectUidRequired')) throw cause
          again.push(row)
        }
      }
    }
    await Promise.all(Array.from({ length: parallelism }, next))
    for (const row of again) {
      provider.select(row.resource.context)
      await act(row)
    }
  }

  const plan = (rows: readonly AnyRow[], which: 'first' | 'changed', when: string) =>
    each(rows, async (row) => {
      const found = await row.resource.read(provider, idOf(row), row[which])
      assert.deepEqual(found, row[which], `${row.resource.name}: the plan ${when} is not empty`)
    })

  return {
    idOf,
    async apply(rows: readonly AnyRow[]) {
      await each(rows, async (row) => void ids.set(row, await row.resource.create(provider, row.first)))
      await plan(rows, 'first', 'after the first apply')
    },
    async change(rows: readonly AnyRow[]) {
      await each(rows, (row) => row.resource.update(provider, idOf(row), row.first, row.changed))
      await plan(rows, 'changed', 'after the change')
    },
    async import(rows: readonly AnyRow[]) {
      await each(rows, async (row) => {
        // By its id where nothing else is known of it.
        const { import: find } = row.resource
        const id = find && row.importAs !== undefined ? await find(provider, row.importAs) : idOf(row)
        assert.equal(id, idOf(row), `${row.resource.name} by its name`)
      })
      await plan(rows, 'changed', 'after the import')
    },
    async destroy(rows: readonly AnyRow[]) {
      const last = [...rows].reverse()
      await each(last, (row) => row.resource.delete(provider, idOf(row), row.changed))
      await each(
        last.filter(({ resource }) => !resource.isSetting),
        async (row) => {
          const found = await row.resource.read(provider, idOf(row), row.changed)
          assert.equal(found, undefined, `${row.resource.name} is still there`)
        },
      )
    },
  }
}
