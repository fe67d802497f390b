# Sets $python to a Python 3.11 or 3.12: $PYTHON, the newest on PATH, or the one that the environment was made with.
python=
for candidate in "${PYTHON:-}" python3.12 python3.11 python3 python "$root/.venv/bin/python"; do
  [ -n "$candidate" ] || continue
  # Asked for its own path, as a version manager's shim may sit on PATH for a version that is not installed.
  python=$("$candidate" -c 'import sys; assert (3, 11) <= sys.version_info < (3, 13); print(sys.executable)' 2>/dev/null) && break
  python=
done
if [ -z "$python" ]; then
  found=$(python3 --version 2>/dev/null || echo "no Python at all")
  printf '%s\n' "The portal needs Python 3.11 or 3.12; this machine has $found." \
    "Debian 12:     apt install python3" \
    "Ubuntu 24.04:  apt install python3" \
    "elsewhere:     install Python 3.12 and call  PYTHON=/path/to/python3.12 $0" >&2
  exit 1
fi
