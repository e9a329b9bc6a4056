import type { ProfileSearch } from '../../contract/wire/cluster-profiles.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { textMatcher } from '../../contract/wire/list-select.ts'
import type { Profile } from './profile-store.ts'
import { compareVersions } from './profile-versions.ts'

type Filter = NonNullable<ProfileSearch>['filter']
type Test = (profile: Profile) => boolean

/** Makes a test of the filter of a search: what is empty or absent in it says nothing. */
export function profileMatcher(filter: Filter): Test {
  if (!filter) return () => true
  const { profileName, profileType, environment, scope, version, fips } = filter
  const isNamed = textMatcher(profileName)
  const tests: Test[] = [({ name }) => isNamed(name), tagTest(filter.tags), versionTest(version)]
  if (profileType && profileType.length > 0) tests.push(({ type }) => profileType.includes(type))
  if (environment && environment.length > 0) {
    const wanted = new Set(environment.map(nameKey))
    tests.push(({ cloudType }) => wanted.has(nameKey(cloudType)))
  }
  if (scope) tests.push(({ project }) => (project === undefined ? 'tenant' : 'project') === scope)
  // Of no pack is it known.
  if (fips) tests.push(() => fips === 'unknown')
  return (profile) => tests.every((one) => one(profile))
}

/** A tag as people write it: `env:prod`, or the key alone of one that was typed without a value. */
const writtenTag = ([key, value]: readonly [string, string]) => (value === 'spectro__tag' ? key : `${key}:${value}`)

function tagTest(tags: NonNullable<Filter>['tags']): Test {
  if (!tags) return () => true
  const fold = tags.ignoreCase === false ? (text: string) => text : nameKey
  const [eq, ne, beginsWith] = [tags.eq, tags.ne, tags.beginsWith].map((texts) => (texts ?? []).map(fold))
  return ({ labels }) => {
    const own = Object.entries(labels).map((entry) => fold(writtenTag(entry)))
    return (
      (!eq?.length || eq.some((one) => own.includes(one))) &&
      !ne?.some((one) => own.includes(one)) &&
      (!beginsWith?.length || own.some((tag) => beginsWith.some((one) => tag.startsWith(one))))
    )
  }
}

function versionTest(wanted: NonNullable<Filter>['version']): Test {
  if (!wanted) return () => true
  const { eq, ne, beginsWith, gt, lt } = wanted
  return ({ version }) =>
    (!eq || version === eq) &&
    (!ne || version !== ne) &&
    (!beginsWith || version.startsWith(beginsWith)) &&
    (!gt || compareVersions(version, gt) > 0) &&
    (!lt || compareVersions(version, lt) < 0)
}
