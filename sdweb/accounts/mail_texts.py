"""What the portal writes to people, in every language of its interface."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FALLBACK: Final = "en"
SITE: Final = "Stable Diffusion portal"


@dataclass(frozen=True, slots=True)
class Text:
    """A mail; ``{name}`` is filled in."""

    subject: str
    body: str


_HELLO: Final = {"en": "Hello,\n\n{what}\n\n{site}\n{home}\n", "uk": "Вітаємо!\n\n{what}\n\n{site}\n{home}\n"}

_NOTICE: Final = {
    "en": (
        "{what}\n\nIf it was not you, change your password and end the sessions that you do not know "
        "(Settings, Security).\n\nIt came from:\n- address: {ip}\n- browser: {user_agent}\n"
        "- time: {timestamp}"
    ),
    "uk": (
        "{what}\n\nЯкщо це зробили не ви, змініть пароль і завершіть незнайомі вам сеанси "
        "(Налаштування, Безпека).\n\nЗвідки це надійшло:\n- адреса: {ip}\n- браузер: {user_agent}\n"
        "- час: {timestamp}"
    ),
}
"""Around every notice of something that was changed."""

LETTERS: Final[Mapping[str, Mapping[str, Text]]] = {
    "password_reset_key": {
        "en": Text(
            "Choose a new password",
            "Somebody, most likely you, asked for a new password for the account {username}. Choose one here:"
            "\n\n{password_reset_url}\n\nIf it was not you, do nothing: your password stays as it is.",
        ),
        "uk": Text(
            "Оберіть новий пароль",
            "Хтось, найімовірніше ви, попросив новий пароль для облікового запису {username}. "
            "Оберіть його тут:\n\n{password_reset_url}\n\n"
            "Якщо це були не ви, нічого не робіть: пароль не зміниться.",
        ),
    },
    "unknown_account": {
        "en": Text(
            "No account with this address",
            "Somebody asked for a new password for {email}, but no account has this address. Perhaps you "
            "registered with another one. If it was not you, do nothing.",
        ),
        "uk": Text(
            "Немає облікового запису з цією адресою",
            "Хтось попросив новий пароль для {email}, але облікового запису з такою адресою немає. Можливо, "
            "ви реєструвалися з іншою. Якщо це були не ви, нічого не робіть.",
        ),
    },
    "account_already_exists": {
        "en": Text(
            "You have an account already",
            "Somebody, most likely you, tried to register with {email}, but there is an account with this "
            "address. If you forgot its password, choose a new one here:\n\n{password_reset_url}",
        ),
        "uk": Text(
            "У вас уже є обліковий запис",
            "Хтось, найімовірніше ви, спробував зареєструватися з адресою {email}, але обліковий запис із "
            "нею вже є. Якщо ви забули пароль, оберіть новий тут:\n\n{password_reset_url}",
        ),
    },
    "email_confirmation_signup": {
        "en": Text(
            "Confirm your address",
            "Welcome! Confirm that this address is yours:\n\n{activate_url}\n\n"
            "If you did not register here, do nothing.",
        ),
        "uk": Text(
            "Підтвердьте свою адресу",
            "Ласкаво просимо! Підтвердьте, що ця адреса ваша:\n\n{activate_url}\n\n"
            "Якщо ви тут не реєструвалися, нічого не робіть.",
        ),
    },
    "email_confirmation": {
        "en": Text(
            "Confirm your address",
            "The account {user} wants to use this address. If it is yours, confirm that:"
            "\n\n{activate_url}\n\nIf it is not, do nothing.",
        ),
        "uk": Text(
            "Підтвердьте свою адресу",
            "Обліковий запис {user} хоче користуватися цією адресою. Якщо він ваш, підтвердьте це:"
            "\n\n{activate_url}\n\nЯкщо ні, нічого не робіть.",
        ),
    },
}
"""Mails that ask for something."""

NOTICES: Final[Mapping[str, Mapping[str, Text]]] = {
    "password_changed": {
        "en": Text("Your password was changed", "The password of your account {user} was changed."),
        "uk": Text("Ваш пароль змінено", "Пароль вашого облікового запису {user} змінено."),
    },
    "password_reset": {
        "en": Text("Your password was replaced", "A new password was set for your account {user} by mail."),
        "uk": Text(
            "Ваш пароль замінено", "Для вашого облікового запису {user} поштою встановлено новий пароль."
        ),
    },
    "password_set": {
        "en": Text("A password was set", "Your account {user} has a password now."),
        "uk": Text("Встановлено пароль", "Ваш обліковий запис {user} тепер має пароль."),
    },
    "email_changed": {
        "en": Text(
            "Your address was changed",
            "The address of your account {user} was changed from {from_email} to {to_email}.",
        ),
        "uk": Text(
            "Вашу адресу змінено",
            "Адресу вашого облікового запису {user} змінено з {from_email} на {to_email}.",
        ),
    },
    "email_deleted": {
        "en": Text("An address was removed", "{deleted_email} was removed from your account {user}."),
        "uk": Text("Адресу вилучено", "{deleted_email} вилучено з вашого облікового запису {user}."),
    },
    "totp_activated": {
        "en": Text(
            "An authenticator app was set up",
            "Your account {user} now asks for codes of an authenticator app.",
        ),
        "uk": Text(
            "Налаштовано застосунок для кодів",
            "Ваш обліковий запис {user} тепер питає коди із застосунку автентифікації.",
        ),
    },
    "totp_deactivated": {
        "en": Text(
            "The authenticator app was removed",
            "Your account {user} no longer asks for codes of an authenticator app.",
        ),
        "uk": Text(
            "Застосунок для кодів вилучено",
            "Ваш обліковий запис {user} більше не питає кодів із застосунку автентифікації.",
        ),
    },
    "recovery_codes_generated": {
        "en": Text(
            "New recovery codes",
            "New recovery codes were made for your account {user}; the old ones are void.",
        ),
        "uk": Text(
            "Нові коди відновлення",
            "Для вашого облікового запису {user} створено нові коди відновлення; старі більше не діють.",
        ),
    },
    "webauthn_added": {
        "en": Text("A passkey was added", "A passkey was added to your account {user}."),
        "uk": Text("Додано ключ доступу", "До вашого облікового запису {user} додано ключ доступу."),
    },
    "webauthn_removed": {
        "en": Text("A passkey was removed", "A passkey was removed from your account {user}."),
        "uk": Text("Ключ доступу вилучено", "З вашого облікового запису {user} вилучено ключ доступу."),
    },
    "account_connected": {
        "en": Text(
            "{provider} was connected",
            "You can sign in to your account {user} through {provider} from now on.",
        ),
        "uk": Text(
            "Під'єднано {provider}",
            "Відтепер ви можете входити до облікового запису {user} через {provider}.",
        ),
    },
    "account_disconnected": {
        "en": Text(
            "{provider} was disconnected",
            "Nobody can sign in to your account {user} through {provider} any more.",
        ),
        "uk": Text(
            "{provider} від'єднано",
            "До вашого облікового запису {user} більше не можна увійти через {provider}.",
        ),
    },
}
"""Mails that tell of a change."""


def mail_text(template: str, *, language: str, context: Mapping[str, Any]) -> Text:
    """The mail that allauth calls ``account/email/password_changed``, filled in.

    An unknown language is answered in English. Raises ``KeyError`` for a mail that is not known.
    """
    name = template.rpartition("/")[2]
    translations = NOTICES[name] if name in NOTICES else LETTERS[name]
    spoken = language if language in translations else FALLBACK
    text = translations[spoken]
    values = {key: _shown(value) for key, value in context.items()}
    body = text.body.format_map(values)
    if name in NOTICES:
        body = _NOTICE[spoken].format_map({**values, "what": body})
    whole = _HELLO[spoken].format_map({"what": body, "site": SITE, "home": values["home"]})
    return Text(" ".join(text.subject.format_map(values).split()), whole)


def _shown(value: Any) -> str:
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    # Names come from people: nothing that they type shall begin a line of its own.
    return " ".join(str(getattr(value, "name", value)).split())
