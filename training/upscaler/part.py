"""The two upscalers as parts of the family."""

from functools import partial

from training.family import Card, Entry, Facts, Figure, Part, Run
from training.fitting.workers import load_state
from training.upscaler.evaluate import Score, score, write_sheet
from training.upscaler.fit import BATCH, Config, export, train

FOLDER = "upscaler"
SEED = 21
MINUTES = 7.0
PATCHES = {2: 32, 4: 24}  # side of the small training patches, pixels
PICTURES = 100


def _name(scale: int) -> str:
    return f"upscaler-x{scale}"


def _train(scale: int, run: Run) -> None:
    folder = run.folder(FOLDER)
    start = folder / "x2.pt" if scale == 4 else None
    minutes = run.minutes(f"{_name(scale)}.train", MINUTES)
    path = folder / f"x{scale}.pt"
    train(Config(path, run.emoji(), scale, PATCHES[scale], minutes, SEED + scale, start))


def _export(scale: int, run: Run) -> None:
    export(run.folder(FOLDER) / f"x{scale}.pt", scale, run.demo / _entry(scale).path)


def _facts(scale: int, run: Run) -> Facts:
    state, patch = load_state(run.folder(FOLDER) / f"x{scale}.pt"), PATCHES[scale]
    begun = "" if scale == 2 else "; the body began as that of x2"
    return {
        "optimiser": f"Muon for kernels, AdamW for the rest; Charbonnier loss{begun}",
        "steps": int(state["step"]),
        "samples": f"{int(state['step']) * BATCH} patches of {patch} x {patch} small pixels",
        "minutes": round(float(state["spent"]) / 60, 1),
        "seed": SEED + scale,
    }


def _compared(scale: int, found: Score) -> list[Figure]:
    pictures = f"{PICTURES} held-out pictures, {128 // scale} to 128 pixels"
    gain = found.psnr["ours"] - found.psnr["Lanczos"]
    figures = [
        Figure(
            f"PSNR, {pictures}",
            found.psnr["ours"],
            "dB",
            found.psnr["Lanczos"],
            f"Lanczos ({gain:+.2f} dB)",
            "at least 1 dB over Lanczos",
            gain >= 1,
        ),
        Figure("PSNR, the same pictures", found.psnr["ours"], "dB", found.psnr["bicubic"], "bicubic"),
    ]
    for usual in ("Lanczos", "bicubic"):
        figures.append(
            Figure("SSIM, the same pictures", found.ssim["ours"], "", found.ssim[usual], usual),
        )
    return [
        *figures,
        Figure("Pictures with a higher PSNR than by Lanczos", 100 * found.better, "%"),
        Figure(f"Time for 128 to {128 * scale} pixels, one thread", found.seconds, "s"),
    ]


def _measure(scale: int, run: Run) -> list[Figure]:
    paths = {one: run.demo / _entry(one).path for one in (2, 4)}
    found = score(paths[scale], scale, PICTURES)
    write_sheet({one: path for one, path in paths.items() if path.exists()}, run.docs)
    return _compared(scale, found)


def _entry(scale: int) -> Entry:
    return Entry(
        name=f"Demo upscaler x{scale}",
        kind="upscaler",
        family="unknown",
        format="safetensors",
        path=f"upscalers/x{scale}.safetensors",
        description=f"A tiny Real-ESRGAN compact network: enlarges flat, emoji-like pictures {scale} times",
    )


def _card(scale: int) -> Card:
    return Card(
        title=f"Demo upscaler x{scale}",
        pipeline_tag="image-to-image",
        tags=("super-resolution", "compact", "spandrel"),
        summary=f"""
Enlarges pictures {scale} times. SRVGGNetCompact, the compact network of Real-ESRGAN: 48 features,
eight inner convolutions, PReLU, pixel shuffle; half precision in a safetensors file.
""",
        usage=f"""
`spandrel.ModelLoader().load_from_file("x{scale}.safetensors")` recognises it; call `.model.float()` on
a CPU. Input and output are RGB in [0, 1].
""",
        extra="""
The scores are on pictures of emoji that training never showed (though near relatives of some, such
as books of another colour, were shown), drawn at 128 pixels and made smaller by bicubic and by Lanczos
reduction in turn, nothing else done to them. PSNR over all three colours, SSIM on luma with the usual
Gaussian window of 11 pixels; means over the pictures.
""",
        data="""
Noto Color Emoji (Debian fonts-noto-color-emoji 2.042), one to three at a time, at most at the font's
own size of 136 pixels, on plain grounds and gradients. Reduced by box, bilinear, bicubic or Lanczos;
30 % of the small pictures then got JPEG blocks, noise or a slight blur. Emoji whose code
point ends in 7 (one in ten) were held out.
""",
        limits="""
It knows flat art with clear outlines. On photographs it sharpens edges and gives little texture. It
was trained on results of 128 pixels; larger ones come out with smooth surfaces. Soft pictures, such as
those of the demo checkpoint, get a little crisper, and a faint grid may show along their outlines.
""",
    )


def _part(scale: int) -> Part:
    stages = {"train": partial(_train, scale), "export": partial(_export, scale)}
    return Part(
        _name(scale), _entry(scale), stages, partial(_facts, scale), partial(_measure, scale), _card(scale)
    )


PARTS = (_part(2), _part(4))
