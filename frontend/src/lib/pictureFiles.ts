/** Pictures that a person gives: what is taken, and where one that the server has is seen. */

import { serverUrl } from './server';

export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/webp', 'image/avif'];

/** Address at which the owner sees the picture of a reference, `upload:<id>` or `image:<id>`. */
export function pictureUrl(reference: string): string {
  const [kind, id = ''] = reference.split(':', 2);
  return serverUrl(kind === 'image' ? `outputs/${id}.webp` : `api/v1/uploads/${id}/content`);
}
