import assert from 'node:assert/strict'

/** Asks something, for the nth time; what it answers is no matter here. */
export type Question = (round: number) => Promise<unknown>

/**
 * Pairs are asked one right after the other, in an order that changes from pair to pair, and all that counts is which of the two
 * took longer: what slows the machine down slows both, and being first is no advantage. Of two questions that take the same time
 * each is the slower in half of the pairs; of 60 fair pairs one is it in more than 48 about once in two million.
 *
 * "Slower" is by more than what a stranger could see through any network: the bound that is held. A difference of that and the
 * spread of a single answer fails, a busy machine does not.
 */
const toleranceMs = 0.5
const mostOfPairs = 0.8
const warmUpRounds = 3

/** Nobody can tell the questions apart by the time of their answers, within these bounds. */
export async function assertTakeAlike(
  what: string,
  one: Question,
  other: Question,
  { pairs = 60, warmUp = true }: { readonly pairs?: number; readonly warmUp?: boolean } = {},
): Promise<void> {
  const taken = { one: [] as number[], other: [] as number[] }
  const begin = warmUp ? -warmUpRounds : 0
  for (let round = begin; round < pairs; round++) {
    const time = async (ask: Question) => {
      const startedAt = performance.now()
      await ask(round - begin)
      return performance.now() - startedAt
    }
    const isOneFirst = round % 2 === 0
    const first = await time(isOneFirst ? one : other)
    const second = await time(isOneFirst ? other : one)
    if (round < 0) continue
    taken.one.push(isOneFirst ? first : second)
    taken.other.push(isOneFirst ? second : first)
  }
  const slower = (these: readonly number[], those: readonly number[]) =>
    these.filter((ms, i) => ms > (those[i] ?? ms) + toleranceMs).length / pairs
  const shares = [slower(taken.one, taken.other), slower(taken.other, taken.one)]
  const medians = [median(taken.one), median(taken.other)]
  const said = `${what}: slower in ${shares.map((share) => share.toFixed(2))} of ${pairs} pairs, medians ${medians} ms`
  assert.ok(Math.max(...shares) <= mostOfPairs, said)
}

const median = (times: readonly number[]): string =>
  times.toSorted((a, b) => a - b)[times.length >> 1]?.toFixed(2) ?? '-'
