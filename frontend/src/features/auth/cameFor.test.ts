import { describe, expect, it } from 'vitest';

import { adminPage } from './cameFor';

describe('the page that somebody came for', () => {
  it('is a page of the admin', () => {
    expect(adminPage('?next=%2Fadmin%2Faccounts%2Fuser%2F')).toBe('/admin/accounts/user/');
  });

  it.each(['', '?next=', '?next=https%3A%2F%2Fevil.example%2Fadmin%2F', '?next=%2F%2Fevil.example%2F', '?next=%2F'])(
    'is nowhere else: %s',
    (search) => {
      expect(adminPage(search)).toBe('');
    },
  );
});
