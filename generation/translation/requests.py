"""A job becomes the engine's request."""

from generation.engine import spec
from generation.engine.prompts import parse_prompt
from generation.models import Job
from generation.orders.controls import parameters_of
from generation.orders.finishing import DETECTORS, FACE_USE, HIRES_USE, LANCZOS, UPSCALE_USE
from generation.orders.prompts import EMBEDDING_USE, PROMPT_USE
from generation.schemas import PAINT_TASKS, PROCESS_TASKS, ControlIn, DetailIn, IpAdapterIn, Params
from generation.translation.materials import Materials, checkpoint_ref, materials_for


def request_for(job: Job) -> spec.Request:
    """The engine's request for a job. Raises ``PortalError`` ``model_gone`` or ``input_gone``, and
    ``EngineError``.
    """
    params = Params(**job.params)
    materials = materials_for(params)
    if params.task == "preprocess":
        return _preprocess(params, materials)
    if params.task in PROCESS_TASKS:
        image = materials.picture(params.image or "")
        return spec.ProcessRequest(images=(image,), steps=_steps(params, materials))
    return _generation(job, params, materials)


def _preprocess(params: Params, materials: Materials) -> spec.PreprocessRequest:
    (unit,) = params.controlnet
    return spec.PreprocessRequest(
        image=materials.picture(params.image or ""),
        preprocessor=unit.preprocessor or "none",
        parameters=parameters_of(unit.model_extra or {}),
        resolution=unit.preprocessor_resolution,
    )


def _generation(job: Job, params: Params, materials: Materials) -> spec.GenerationRequest:
    parsed = parse_prompt(params.prompt)
    return spec.GenerationRequest(
        checkpoint=checkpoint_ref(job),
        # As it was written, where there is nothing in it that is not the engine's.
        prompt=parsed.text if parsed.networks else params.prompt,
        negative_prompt=params.negative_prompt,
        width=params.width,
        height=params.height,
        steps=params.steps,
        guidance_scale=params.cfg_scale,
        sampler=params.sampler,
        schedule=params.scheduler,
        seed=params.seed,
        batch_size=params.batch_size,
        clip_skip=params.clip_skip,
        init=_init(params, materials),
        variation=spec.Variation(**dict(params.variation)) if params.variation else None,
        tiling=params.tiling,
        hires=_hires(params, materials),
        controls=tuple(_control(params, i, unit, materials) for i, unit in enumerate(params.controlnet)),
        ip_adapters=tuple(_adapter(i, one, materials) for i, one in enumerate(params.ip_adapter)),
        loras=_loras(params, materials),
        embeddings=_embeddings(materials),
        vae=materials.ref("vae") if params.vae else None,
        freeu=spec.FreeU(**dict(params.freeu)) if params.freeu else None,
        pag_scale=params.pag_scale,
        cfg_rescale=params.cfg_rescale,
        refiner=_refiner(params, materials),
        postprocess=_steps(params, materials),
    )


def _init(params: Params, materials: Materials) -> spec.InitImage | None:
    if params.task not in PAINT_TASKS or params.image is None:
        return None
    margins = params.outpaint
    return spec.InitImage(
        image=materials.picture(params.image),
        strength=0.0 if params.task == "adetailer" else params.strength,
        resize_mode=params.resize_mode,
        mask=_mask(params, materials),
        outpaint=spec.Margins(**dict(margins)) if margins else None,
    )


def _mask(params: Params, materials: Materials) -> spec.Mask | None:
    if params.mask is None:
        return None
    return spec.Mask(
        image=materials.picture(params.mask),
        blur=params.mask_blur,
        invert=params.mask_invert,
        fill=params.inpaint_fill,
        only_masked=params.inpaint_only_masked,
        padding=params.inpaint_padding,
    )


def _hires(params: Params, materials: Materials) -> spec.HiresFix | None:
    hires = params.hires
    if hires is None:
        return None
    upscaler = "Lanczos" if hires.upscaler == LANCZOS else hires.upscaler
    return spec.HiresFix(
        scale=hires.scale,
        steps=hires.steps,
        strength=hires.strength,
        upscaler=materials.ref(HIRES_USE) if HIRES_USE in materials.names else upscaler,
        sampler=hires.sampler,
        schedule=hires.scheduler,
        prompt=hires.prompt,
        negative_prompt=hires.negative_prompt,
        guidance_scale=hires.cfg_scale,
    )


def _control(params: Params, index: int, unit: ControlIn, materials: Materials) -> spec.ControlUnit:
    return spec.ControlUnit(
        model=materials.ref(f"controlnet.{index}"),
        image=materials.picture(unit.image or params.image or ""),
        preprocessor=unit.preprocessor or "none",
        parameters=parameters_of(unit.model_extra or {}),
        resolution=unit.preprocessor_resolution,
        weight=unit.weight,
        start=unit.start_percent,
        end=unit.stop_percent,
        mode=unit.control_mode,
        resize_mode=unit.resize_mode,
    )


def _adapter(index: int, adapter: IpAdapterIn, materials: Materials) -> spec.IpAdapterUnit:
    return spec.IpAdapterUnit(
        model=materials.ref(f"ip_adapter.{index}"),
        image_encoder=materials.ref(f"ip_adapter.{index}.image_encoder"),
        images=tuple(materials.picture(image) for image in adapter.images),
        scale=adapter.scale,
        start=adapter.start,
        end=adapter.end,
    )


def _loras(params: Params, materials: Materials) -> tuple[spec.LoraUnit, ...]:
    slots = [
        spec.LoraUnit(
            model=materials.ref(f"loras.{index}"),
            denoiser=slot.weight,
            text_encoder=slot.weight if slot.te_weight is None else slot.te_weight,
        )
        for index, slot in enumerate(params.loras)
    ]
    written = [
        spec.LoraUnit(
            model=materials.ref(f"{PROMPT_USE}{use.name}"),
            denoiser=use.denoiser,
            text_encoder=use.text_encoder,
            rank=use.rank,
        )
        for use in parse_prompt(params.prompt).loras
    ]
    return (*slots, *written)


def _embeddings(materials: Materials) -> tuple[spec.Embedding, ...]:
    return tuple(
        spec.Embedding(model=materials.ref(use), name=use.removeprefix(EMBEDDING_USE))
        for use in materials.names
        if use.startswith(EMBEDDING_USE)
    )


def _refiner(params: Params, materials: Materials) -> spec.Refiner | None:
    if params.refiner is None:
        return None
    return spec.Refiner(checkpoint=materials.ref("refiner"), switch_at=params.refiner.switch_at)


def _steps(params: Params, materials: Materials) -> tuple[spec.PostprocessStep, ...]:
    """Faces first, then details, and what is finished is enlarged."""
    steps: list[spec.PostprocessStep] = []
    if params.face_restoration is not None:
        face = params.face_restoration
        steps.append(
            spec.FaceRestoration(
                model=materials.ref(FACE_USE), visibility=face.visibility, fidelity=face.fidelity
            )
        )
    steps += [_detailing(index, one, materials) for index, one in enumerate(params.adetailer)]
    if params.upscale is not None:
        upscale = params.upscale
        model = None if upscale.method == LANCZOS else materials.ref(UPSCALE_USE)
        steps.append(spec.Upscale(scale=upscale.scale, model=model, tile=upscale.tile))
    return tuple(steps)


def _detailing(index: int, one: DetailIn, materials: Materials) -> spec.Detailing:
    detector = one.detector or ""
    return spec.Detailing(
        **one.model_dump(exclude={"detector", "cfg_scale"}),
        detector=detector if detector in DETECTORS else materials.ref(f"adetailer.{index}"),
        guidance_scale=one.cfg_scale,
    )
