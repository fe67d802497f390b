"""From regions to masks, by hand-computed cases and by properties that any mask must have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.engine.postprocess.region_prompts import prompts_split, region_prompt
from generation.engine.postprocess.regions import (
    Box,
    Region,
    box_mask,
    detailing_masks,
    mask_dilate,
    mask_offset,
    masks_merge,
    regions_by_ratio,
    regions_surest,
)
from generation.engine.spec import Detailing
from generation.engine.spec.postprocess import MergeMode

SIZE = (20, 10)


def region(box: Box, score: float = 0.5, label: str = "") -> Region:
    return Region(box=box, mask=box_mask(SIZE, box), score=score, label=label)


LEFT = region((1, 1, 5, 5), 0.4, "left")  # 16 of 200 pixels
WIDE = region((6, 2, 16, 8), 0.9, "wide")  # 60
TINY = region((17, 8, 19, 9), 0.6, "tiny")  # 2
ALL = [LEFT, WIDE, TINY]


def labels(regions: list[Region]) -> list[str]:
    return [each.label for each in regions]


def test_a_box_covers_its_pixels() -> None:
    mask = np.asarray(box_mask((6, 4), (1, 1, 4, 3)))
    assert mask.tolist() == [[0] * 6, [0, 255, 255, 255, 0, 0], [0, 255, 255, 255, 0, 0], [0] * 6]
    assert box_mask((6, 4), (2, 2, 2, 3)).getbbox() is None
    assert box_mask((6, 4), (-3, -3, 2.4, 1.6)).getbbox() == (0, 0, 2, 2)


def test_the_share_of_the_picture_counts_both_ends() -> None:
    assert labels(regions_by_ratio(ALL, 0.0, 1.0)) == ["left", "wide", "tiny"]
    assert labels(regions_by_ratio(ALL, 0.08, 0.3)) == ["left", "wide"]
    assert labels(regions_by_ratio(ALL, 0.081, 0.299)) == []


def test_the_surest_come_first() -> None:
    assert labels(regions_surest(ALL, 2)) == ["wide", "tiny"]
    assert labels(regions_surest(ALL, 9)) == ["wide", "tiny", "left"]


def test_an_offset_moves_right_and_up_and_drops_what_leaves() -> None:
    assert mask_offset(LEFT.mask, 3, 1).getbbox() == (4, 0, 8, 4)
    assert mask_offset(LEFT.mask, -2, -6).getbbox() == (0, 7, 3, 10)
    assert mask_offset(LEFT.mask, 0, 9).getbbox() is None


def test_squares_grow_and_shrink_masks() -> None:
    assert mask_dilate(WIDE.mask, 3).getbbox() == (5, 1, 17, 9)
    assert mask_dilate(WIDE.mask, -3).getbbox() == (7, 3, 15, 7)
    assert mask_dilate(WIDE.mask, 0) is WIDE.mask
    assert mask_dilate(WIDE.mask, -7).getbbox() is None
    box = mask_dilate(WIDE.mask, 4).getbbox()
    assert box is not None
    assert (box[2] - box[0], box[3] - box[1]) == (13, 9)


@given(
    box=st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(10, 20), st.integers(5, 10)),
    side=st.integers(1, 9),
)
def test_growing_never_loses_and_shrinking_never_adds(box: Box, side: int) -> None:
    mask = np.asarray(box_mask(SIZE, box))
    grown, shrunk = (np.asarray(mask_dilate(box_mask(SIZE, box), each)) for each in (side, -side))
    assert ((grown >= mask) & (mask >= shrunk)).all()


def test_merging() -> None:
    masks = [LEFT.mask, WIDE.mask]
    assert masks_merge(masks, "none") == masks
    (merged,) = masks_merge(masks, "merge")
    (inverted,) = masks_merge(masks, "merge_and_invert")
    assert np.count_nonzero(np.asarray(merged)) == 76
    assert (np.asarray(merged).astype(int) + np.asarray(inverted) == 255).all()
    modes: tuple[MergeMode, ...] = ("none", "merge", "merge_and_invert")
    assert [masks_merge([], mode) for mode in modes] == [[], [], []]


def test_the_options_of_a_pass_work_together() -> None:
    options = Detailing(
        detector="opencv_face", min_ratio=0.05, top_k=1, offset_x=2, offset_y=1, dilate=3, merge="none"
    )
    (mask,) = detailing_masks(ALL, options)
    assert mask.getbbox() == (7, 0, 19, 8)
    assert detailing_masks([], options) == []
    gone = Detailing(detector="opencv_face", dilate=-128, merge="merge_and_invert")
    assert detailing_masks(ALL, gone) == []
    plain = detailing_masks(ALL, Detailing(detector="opencv_face", dilate=0))
    assert [each.getbbox() for each in plain] == [each.mask.getbbox() for each in (WIDE, TINY, LEFT)]


def test_prompts_are_split_at_the_separator() -> None:
    assert prompts_split("a cat [SEP]a dog\n[SEP] \n") == ["a cat", "a dog", ""]
    assert prompts_split("") == [""]
    assert prompts_split("[sep]") == ["[sep]"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "a cat"), (1, None), (2, "sharp, own words"), (3, "own words"), (7, "own words")],
)
def test_each_region_has_its_prompt(number: int, expected: str | None) -> None:
    text = "a cat [SEP] [SKIP] [SEP] sharp, [PROMPT] [SEP]"
    assert region_prompt(text, number, "own words") == expected


@given(st.text(max_size=60), st.integers(0, 5))
def test_any_text_gives_a_prompt(text: str, number: int) -> None:
    prompt = region_prompt(text, number, "own")
    assert prompt is None or prompt
