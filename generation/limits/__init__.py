"""What people may use, and what they have used: asked before a job is stored, shown before it is sent.

The limits themselves are in ``sdweb.accounts.policies``. Here is what they are compared with:

``may_generate``        whether a job may be submitted at all
``largest_side``        the longest side, in pixels, that the job paints or enlarges to: of the first pass,
                        the hires fix's, a detailer's own canvas, and the result of an upscaler. A picture
                        that is sent in and comes back at its own size is not measured
``steps``               sampler steps asked for in any one pass: the first, the hires fix's, a detailer's
``jobs_waiting``        jobs that wait or are held, this one included
``pictures``            pictures kept, the trash included, and what unfinished jobs and this one will add
``stored_mb``           the files of the pictures kept, the trash included; how large a picture becomes is
                        not known before it is there, so the pictures of jobs that were let in may exceed it
``gpu_seconds_per_day`` seconds charged since midnight UTC, and those predicted for unfinished jobs and this
``jobs_running``        the scheduler's: a job over it waits
"""

from generation.limits.checks import Refusal, refusal_of, require_allowed
from generation.limits.demand import Demand, demand_of
from generation.limits.usage import Usage, usage_of

__all__ = ["Demand", "Refusal", "Usage", "demand_of", "refusal_of", "require_allowed", "usage_of"]
