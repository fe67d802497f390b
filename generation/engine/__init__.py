"""The image engine: a plain PyTorch library.

No Django, no Celery, no settings, no global state. A frozen request goes in, a result comes out, progress
and cancellation are callables. ``spec``, ``errors``, ``catalog``, ``infotext``, ``prompts`` and
``enhancer`` need no torch, so that the web tier can validate with them; importing this package alone
imports nothing heavy.
"""
