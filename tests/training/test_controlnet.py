"""The shipped ControlNets steer the shipped base, and control images are what they claim to be."""

import numpy as np
import pytest

from training.__main__ import DEMO
from training.controlnet.control_images import (
    Strokes,
    as_rgb,
    canny,
    draw_strokes,
    main_lines,
    scribble,
    subject_mask,
)
from training.controlnet.evaluate import (
    Control,
    agreement,
    canny_control,
    composed,
    contradicting_cases,
    draw,
    load,
    outcome,
    overlap,
    scribble_control,
)

BALL = composed("⚽", (36, 78, 208), 80, (0.2, 0.9), mirror=False)
BYTES = 3_900_000


@pytest.mark.parametrize("name", ["canny", "scribble"])
def test_the_lines_decide_the_shape_even_against_the_prompt(name: str) -> None:
    folder = DEMO / f"controlnet-{name}"
    strokes = name == "scribble"
    pipeline = load(DEMO / "base", folder)
    cases = contradicting_cases(4, seed=41)
    control: Control = scribble_control(cases, 41) if strokes else canny_control(cases)
    prompts = [one.prompt for one in cases]

    free, led = (
        outcome(draw(pipeline, prompts, control.shown, scale, 42, 10), cases, control, strokes=strokes)
        for scale in (0.0, 1.0)
    )

    assert led.lines > free.lines + 0.08
    assert led.silhouette > free.silhouette + 0.1
    assert led.background >= 0.5
    assert sum(file.stat().st_size for file in folder.iterdir()) < BYTES


def test_canny_lines_are_thin_and_follow_the_thresholds() -> None:
    usual, few = canny(BALL), canny(BALL, 600, 900)

    assert set(np.unique(usual)) == {0, 255}
    assert few.sum() < usual.sum()
    assert as_rgb(usual).shape == (128, 128, 3)
    assert canny(BALL, scale=4).shape == usual.shape


def test_a_scribble_is_thicker_than_its_lines_and_the_same_for_the_same_hand() -> None:
    hand = Strokes(thickness=5, wobble=1.0)
    lines = main_lines(BALL, hand)
    thick, thin = draw_strokes(lines, hand, np.random.default_rng(3))

    assert 1.5 * thin.astype(bool).sum() < (thick > 127).sum()
    assert agreement(thin, lines, 3.0) > 0.8
    assert np.array_equal(thick, scribble(BALL, hand, np.random.default_rng(3)))
    assert not np.array_equal(thick, scribble(BALL, hand, np.random.default_rng(4)))


def test_an_outline_leaves_the_inner_lines_out_and_gaps_leave_some_out() -> None:
    whole, outline = main_lines(BALL, Strokes()), main_lines(BALL, Strokes(outline=True))
    gaps = draw_strokes(whole, Strokes(gaps=0.3), np.random.default_rng(1))[1]
    full = draw_strokes(whole, Strokes(), np.random.default_rng(1))[1]

    assert outline.sum() < 0.8 * whole.sum()
    assert gaps.sum() < 0.9 * full.sum()


def test_the_silhouette_is_the_ball() -> None:
    mask = subject_mask(BALL)
    rows, columns = np.nonzero(mask)

    assert 0.9 < mask.sum() / (np.pi * 40**2) < 1.1
    assert columns.mean() < 55
    assert rows.mean() > 75
    assert overlap(mask, mask) == 1.0


def test_agreement_counts_what_is_within_reach() -> None:
    one = np.zeros((128, 128), np.uint8)
    other = one.copy()
    one[40], other[43] = 255, 255

    assert agreement(one, one, 1.0) == pytest.approx(1.0)
    assert agreement(one, other, 1.0) == 0.0
    assert agreement(one, other, 3.0) == pytest.approx(1.0)
    assert agreement(one, np.zeros_like(one), 3.0) == 0.0
