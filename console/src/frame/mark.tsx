import { Link } from '@tanstack/react-router'

/** The product, and the tenant one is in. */
export function Mark({ org }: { readonly org: string }) {
  return (
    <Link className="mark" to="/t/$org" params={{ org }} aria-label={`Palisade, ${org}, start`}>
      <svg width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
        <path fill="currentColor" d="M3 8l2.5-4L8 8v12H3zm6.500 0L12 4l2.500 4v12h-5zM16 8l2.500-4L21 8v12h-5z" />
      </svg>
      <span>{org}</span>
    </Link>
  )
}
