// @vitest-environment jsdom
import { beforeAll, expect, it } from 'vitest';

import { ApiError } from '../../api/errors';
import i18next from '../../i18n';
import { formErrors } from './authErrors';
import { authErrorFrom } from './allauth';

const t = i18next.t;
const FIELDS = ['username', 'password'];

beforeAll(async () => {
  await i18next.changeLanguage('en');
});

function refusal(...errors: { code: string; message: string; param?: string }[]) {
  return formErrors(t, authErrorFrom(400, { status: 400, errors }), FIELDS);
}

it('never says which of the two was wrong', () => {
  const errors = refusal({ code: 'username_password_mismatch', message: 'x', param: 'password' });
  expect(errors.fields).toEqual({});
  expect(errors.form).toBe('The user name or the password is wrong.');
});

it('puts problems at their fields, several into one text', () => {
  const errors = refusal(
    { code: 'password_too_short', message: 'short', param: 'password' },
    { code: 'password_too_common', message: 'common', param: 'password' },
    { code: 'username_taken', message: 'taken', param: 'username' },
  );
  expect(errors.form).toBe('');
  expect(errors.fields.username).toBe('This name is taken.');
  expect(errors.fields.password).toMatch(/too short.*common/);
});

it("shows the server's words for a code it does not know", () => {
  expect(refusal({ code: 'brand_new', message: 'A new rule.', param: 'username' }).fields.username).toBe('A new rule.');
});

it('shows problems of unknown fields above the form', () => {
  expect(refusal({ code: 'brand_new', message: 'A new rule.', param: 'phone' }).form).toBe('A new rule.');
});

it('maps the parameters of the server to the fields of the form', () => {
  const error = authErrorFrom(400, { errors: [{ code: 'invalid', message: 'x', param: 'email' }] });
  expect(formErrors(t, error, ['login'], { email: 'login' }).fields.login).toMatch(/e-mail/);
});

it('explains limits and how long they last, closed registration and silence', () => {
  expect(formErrors(t, authErrorFrom(429, undefined), FIELDS).form).toMatch(/Too many attempts/);
  expect(formErrors(t, authErrorFrom(429, undefined, 120), FIELDS).form).toMatch(/in 2 min/);
  expect(formErrors(t, new ApiError(403, { code: 'registration_closed' }), FIELDS).form).toMatch(/closed/);
  expect(formErrors(t, new ApiError(0, { code: 'offline' }), FIELDS).form).toMatch(/does not answer/);
});
