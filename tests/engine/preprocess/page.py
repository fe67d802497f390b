"""``docs/preprocessors.md``, made of the catalog.

``python -m tests.engine.preprocess.page`` writes it.
"""

from pathlib import Path

from generation.engine.preprocess.catalog import PREPROCESSORS, FileInfo, ParameterInfo, PreprocessorInfo

PAGE = Path(__file__).resolve().parents[3] / "docs/preprocessors.md"
HEAD = """# ControlNet preprocessors

Made of `generation/engine/preprocess/catalog.py` by `python -m tests.engine.preprocess.page`; a test compares
the two.

A preprocessor turns a picture into the map that a ControlNet follows. Names and the order of parameters are
those of A1111's ControlNet extension. Those without files work out of the box. The others look for theirs in
`annotators/` below the engine's folder of helper files (`EngineConfig.helpers`) and say what is missing; a
`.safetensors` of the same name is taken in place of any other, and every file is read without running what is
in it.

"""


def page() -> str:
    """The whole page, as it should be."""
    return HEAD + _preprocessors() + "\n## Files\n\n" + _files()


def _preprocessors() -> str:
    rows = [_row(info) for info in PREPROCESSORS]
    return _table(["name", "makes", "for", "parameters", "needs", "also understood"], rows)


def _row(info: PreprocessorInfo) -> list[str]:
    types = "all" if info.name == "none" else ", ".join(info.control_types)
    needs = [f"`{file.name}`" for file in info.files]
    needs += ["a mask"] if info.needs_mask else []
    needs += [f"the package `{info.package}`"] if info.package else []
    parameters = "<br>".join(_parameter(parameter) for parameter in info.parameters)
    aliases = ", ".join(f"`{alias}`" for alias in info.aliases)
    return [f"`{info.name}`", info.description, types, parameters, "<br>".join(needs), aliases]


def _parameter(parameter: ParameterInfo) -> str:
    if parameter.kind == "bool":
        return f"`{parameter.name}`: {str(parameter.default).lower()}"
    return f"`{parameter.name}`: {parameter.minimum} to {parameter.maximum} ({parameter.default})"


def _files() -> str:
    files: dict[str, FileInfo] = {file.name: file for info in PREPROCESSORS for file in info.files}
    rows = [
        [f"`{file.name}`", f"[{file.repository}]({file.url})", f"{file.nbytes / 1e6:.1f}", file.licence]
        for file in files.values()
    ]
    return _table(["file below `annotators/`", "from", "MB, about", "licence"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
