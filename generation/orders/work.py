"""How much a job has to do, from its parameters; the prediction itself is in ``generation.cost``."""

from generation.cost import CONTROL_SHARE, Pass, Work
from generation.engine.spec import MAX_SIDE, SIDE_MULTIPLE
from generation.orders.finishing import LANCZOS
from generation.schemas import PAINT_TASKS, PROCESS_TASKS, Params


def work_of(params: Params, *, family: str, prompt_parts: int) -> Work:
    """The work of all passes and of what follows on them. What only the pictures can tell (how many faces) is
    taken for one.
    """
    passes = () if params.task in PROCESS_TASKS else _passes(params)
    last = passes[-1] if passes and not params.adetailer else None
    width, height = (last.width, last.height) if last else (params.width, params.height)
    upscales = params.upscale is not None and params.upscale.method != LANCZOS
    return Work(
        family=family,
        passes=passes,
        encodes=int(params.image is not None and params.task in PAINT_TASKS) + len(params.adetailer),
        batch_size=params.batch_size,
        prompt_parts=prompt_parts,
        upscaled_pixels=width * height if upscales else 0.0,
        faces=int(params.face_restoration is not None),
        maps=sum(unit.preprocessor != "none" for unit in params.controlnet),
    )


def _passes(params: Params) -> tuple[Pass, ...]:
    passes = []
    if params.task != "adetailer":
        share = params.strength if params.task in PAINT_TASKS else 1.0
        passes.append(_pass(params, steps=params.steps * share))
    if params.hires is not None:
        passes.append(_hires(params))
    for one in params.adetailer:
        passes.append(
            _pass(
                params,
                width=one.width or params.width,
                height=one.height or params.height,
                steps=(one.steps or params.steps) * one.strength,
                guidance=one.cfg_scale,
            )
        )
    return tuple(passes)


def _hires(params: Params) -> Pass:
    hires = params.hires
    assert hires is not None  # noqa: S101 - the caller's condition
    width, height = (
        min(int(side * hires.scale) // SIDE_MULTIPLE * SIDE_MULTIPLE, MAX_SIDE)
        for side in (params.width, params.height)
    )
    return _pass(
        params,
        width=width,
        height=height,
        steps=(hires.steps or params.steps) * hires.strength,
        guidance=hires.cfg_scale,
        sampler=hires.sampler,
    )


def _pass(
    params: Params,
    *,
    steps: float,
    width: int = 0,
    height: int = 0,
    guidance: float | None = None,
    sampler: str = "",
) -> Pass:
    scale = params.cfg_scale if guidance is None else guidance
    guided = 2 if scale > 1.0 else 1
    controls = sum(unit.stop_percent - unit.start_percent for unit in params.controlnet)
    return Pass(
        width=width or params.width,
        height=height or params.height,
        steps=steps,
        sampler=sampler or params.sampler,
        guidance_scale=scale,
        extra=controls * CONTROL_SHARE * guided + (1.0 if params.pag_scale else 0.0),
    )
