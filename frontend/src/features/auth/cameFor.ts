/** The admin has no sign-in of its own: it sends people here, with `?next=/admin/...` before the `#`. */

/** The page of the admin that somebody came for, or ''. */
export function adminPage(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '';
  return next.startsWith('/admin/') ? next : '';
}
