import { isDeepStrictEqual } from 'node:util'
import { compile, type Decision, decide, decidePlain } from '../../core/access/index.ts'
import { compileCasl, decideCasl, toCaslQuestion } from './casl.ts'
import type { Workload } from './workload.ts'

/** The ways to answer the n-th request of a workload; each builds what it needs when it is made. */
export function createCompiled({ tenants, requests }: Workload): (n: number) => Decision {
  const compiled = tenants.map((facts) => compile(facts))
  return (n) => {
    const { tenant, request } = at(requests, n)
    return decide(request, at(compiled, tenant))
  }
}

export function createPlain({ tenants, requests }: Workload): (n: number) => Decision {
  return (n) => {
    const { tenant, request } = at(requests, n)
    return decidePlain(request, at(tenants, tenant))
  }
}

export function createCasl({ tenants, requests }: Workload): (n: number) => boolean {
  const abilities = tenants.map(compileCasl)
  // Asked in CASL's own form; nobody has to pay for the translation in a comparison.
  const questions = requests.map(({ tenant, request }) => ({ tenant, question: toCaslQuestion(request) }))
  return (n) => {
    const { tenant, question } = at(questions, n)
    return decideCasl(question, at(abilities, tenant))
  }
}

/**
 * How many of the requests are allowed; throws at the first one on which the compiled engine and the plain rule differ in
 * anything, reasons included, or CASL in the answer.
 */
export function checkEqualAnswers(
  { requests }: Workload,
  compiled: (n: number) => Decision,
  plain: (n: number) => Decision,
  casl: ((n: number) => boolean) | undefined,
): number {
  let allowed = 0
  for (let n = 0; n < requests.length; n++) {
    const expected = plain(n)
    if (!isDeepStrictEqual(compiled(n), expected))
      throw new Error(`request ${n}: the compiled engine and the plain rule differ`)
    if (casl && casl(n) !== (expected.effect === 'allow'))
      throw new Error(`request ${n}: CASL and the plain rule differ`)
    if (expected.effect === 'allow') allowed++
  }
  return allowed
}

function at<T>(list: readonly T[], place: number): T {
  return list[place] as T // Cast: places come from the workload that made the list; a check would be measured too.
}
