"""Between the queue's words and the engine's: a job becomes a request, a result becomes pictures to store."""

from typing import Any

from gallery.services import NewImage
from generation.engine.infotext import infotext_write
from generation.engine.spec import GenerationRequest, GenerationResult, ModelRef
from generation.models import Job
from models_hub.services import model_path
from sdweb import __version__
from sdweb.errors import PortalError


def request_for(job: Job) -> GenerationRequest:
    """The engine's request for a job. Raises ``PortalError("model_gone")`` and ``EngineError``."""
    if job.model is None or not job.model.enabled:
        raise PortalError(
            "model_gone",
            f"The model {job.params['model']} is not there any more.",
            hint="Choose another one.",
            fields={"model": "not there any more"},
            status=410,
        )
    params = job.params
    return GenerationRequest(
        checkpoint=ModelRef(path=model_path(job.model), digest=job.model.sha256, name=job.model.name),
        prompt=params["prompt"],
        negative_prompt=params["negative_prompt"],
        width=params["width"],
        height=params["height"],
        steps=params["steps"],
        guidance_scale=params["cfg_scale"],
        sampler=params["sampler"],
        schedule=params["scheduler"],
        seed=params["seed"],
        batch_size=params["batch_size"],
        clip_skip=params["clip_skip"],
    )


def new_images(job: Job, request: GenerationRequest, result: GenerationResult) -> list[NewImage]:
    """The engine's pictures with their recipes, ready to be stored."""
    recipe: dict[str, Any] = {
        **job.params,
        "task": job.task,
        "job_id": str(job.pk),
        "model_hash": request.checkpoint.digest,
        "buckets": list(result.buckets),
        "device": result.device,
        "dtype": result.dtype,
        "timings": {
            "loaded": round(result.timings.loaded, 3),
            "denoised": round(result.timings.denoised, 3),
            "decoded": round(result.timings.decoded, 3),
        },
    }
    return [
        NewImage(
            index=index,
            image=image,
            seed=seed,
            recipe=recipe,
            infotext=infotext_write(
                request,
                seed=seed,
                model_hash=request.checkpoint.digest,
                model_name=request.checkpoint.name,
                version=__version__,
            ),
        )
        for index, (image, seed) in enumerate(zip(result.images, result.seeds, strict=True))
    ]
