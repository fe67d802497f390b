"""A result becomes pictures to store."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gallery.services import NewImage
from generation.engine import spec
from generation.engine.infotext import infotext_format, infotext_write
from generation.models import Job
from sdweb import __version__

if TYPE_CHECKING:
    from PIL.Image import Image

MAP_TASK: Final = "preprocess"
"""The task of a control map in the gallery, which lists such pictures only when asked for them."""


def new_images(job: Job, request: spec.Request, result: spec.GenerationResult) -> list[NewImage]:
    """The engine's pictures with their recipes, ready to be stored, and the control maps after them where the
    job was asked to keep them.
    """
    recipe = _recipe(job, result)
    # Requests that draw no noise have no seeds.
    seeds = result.seeds or (0,) * len(result.images)
    pictures = [
        NewImage(
            index=index,
            image=image,
            seed=seed,
            recipe=recipe,
            infotext=_infotext(job, request, seed),
        )
        for index, (image, seed) in enumerate(zip(result.images, seeds, strict=True))
    ]
    maps = _maps(job, result) if job.params.get("control_maps") else ()
    return [*pictures, *maps]


def _recipe(job: Job, result: spec.GenerationResult) -> dict[str, Any]:
    return {
        **job.params,
        "task": job.task,
        "job_id": str(job.pk),
        "model_hash": job.model.sha256 if job.model else "",
        "buckets": list(result.buckets),
        "device": result.device,
        "dtype": result.dtype,
        "timings": {
            "loaded": round(result.timings.loaded, 3),
            "denoised": round(result.timings.denoised, 3),
            "decoded": round(result.timings.decoded, 3),
        },
    }


def _infotext(job: Job, request: spec.Request, seed: int) -> str:
    if isinstance(request, spec.GenerationRequest):
        return infotext_write(
            # With the extra networks that the engine does not get in the prompt.
            replace(request, prompt=job.params["prompt"]),
            seed=seed,
            model_hash=request.checkpoint.digest,
            model_name=request.checkpoint.name,
            version=__version__,
        )
    pairs = [*_process_pairs(request), ("Version", __version__)]
    return infotext_format(job.params["prompt"], job.params["negative_prompt"], pairs)


def _process_pairs(request: spec.ProcessRequest | spec.PreprocessRequest) -> Iterator[tuple[str, str]]:
    """In the words of A1111's Extras tab."""
    if isinstance(request, spec.PreprocessRequest):
        yield "Preprocessor", request.preprocessor
        return
    for step in request.steps:
        if isinstance(step, spec.Upscale):
            yield "Postprocess upscale by", f"{step.scale:g}"
            yield "Postprocess upscaler", step.model.name if step.model else "Lanczos"
        elif isinstance(step, spec.FaceRestoration):
            yield "Face restoration", step.model.name
            yield "Face restoration visibility", f"{step.visibility:g}"
            yield "Face restoration fidelity", f"{step.fidelity:g}"


def _maps(job: Job, result: spec.GenerationResult) -> list[NewImage]:
    first = len(result.images)
    return [
        _map(job, first + number, unit, image)
        for number, (unit, image) in enumerate(
            zip(job.params["controlnet"], result.control_maps, strict=True)
        )
    ]


def _map(job: Job, index: int, unit: dict[str, Any], image: "Image") -> NewImage:
    recipe = {"task": MAP_TASK, "job_id": str(job.pk), "prompt": job.params["prompt"], "controlnet": [unit]}
    text = infotext_format("", "", [("Preprocessor", str(unit["preprocessor"])), ("Version", __version__)])
    return NewImage(index=index, image=image, seed=0, recipe=recipe, infotext=text, task=MAP_TASK)
