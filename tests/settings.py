"""The settings that unit tests run with: the test profile and a data folder of their own."""

import atexit
import os
import shutil
import tempfile

_data_dir = tempfile.mkdtemp(prefix="sdweb-tests-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)
_given = {
    "SDWEB_PROFILE": "test",
    "SDWEB_DATA_DIR": _data_dir,
    "SDWEB_REGISTRATION_OPEN": "true",
    # Tests ask faster than any person; those of the limits set them.
    "SDWEB_RATE_LIMIT": "0",
    "SDWEB_PICTURE_RATE_LIMIT": "0",
}
_before = {name: os.environ.get(name) for name in _given}
os.environ.update(_given)

from sdweb.settings import *  # noqa: E402, F403 - after the environment it reads

# Processes that tests start (the real portal, bare interpreters) must not inherit the test profile.
for _name, _value in _before.items():
    if _value is None:
        del os.environ[_name]
    else:
        os.environ[_name] = _value

QUEUE_NEWS_SECONDS = 0.0  # at once, in the thread that has them: a test must not end before they are told
