from __future__ import annotations

import cv2
import numpy as np
import pytest

from perception.errors import WhiteoutError
from synth.effects import DEFAULT_EFFECTS, EFFECTS, MOVING, STRENGTHS, changed, pipeline
from tests.synth.conftest import draw_frame

PICTURE = cv2.resize(draw_frame(1).image, (320, 192), interpolation=cv2.INTER_NEAREST)


def after(effect: str, strength: str, seed: int) -> np.ndarray:
    transform = pipeline(effect, strength, (320, 192))
    transform.set_random_seed(seed)
    labels = {"bboxes": np.zeros((0, 4)), "box_ids": [], "keypoints": np.zeros((0, 2))} if effect in MOVING else {}
    return np.asarray(transform(image=PICTURE, **labels)["image"])


@pytest.mark.parametrize("effect", EFFECTS)
def test_a_stronger_effect_changes_the_picture_more(effect: str) -> None:
    mild, medium, strong = (
        np.mean([changed(PICTURE, after(effect, name, seed)) for seed in range(4)]) for name in STRENGTHS
    )
    assert 0.3 < mild < medium < strong


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_seed_decides_the_draw(effect: str) -> None:
    first = after(effect, "medium", 1)
    assert first.shape == PICTURE.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, after(effect, "medium", 1))
    assert any(not np.array_equal(first, after(effect, "medium", seed)) for seed in range(2, 8))


def test_effects_differ_from_each_other() -> None:
    pictures = [after(effect, "strong", 0).tobytes() for effect in EFFECTS]
    assert len(set(pictures)) == len(EFFECTS)


def test_only_effects_declared_as_moving_move_anything() -> None:
    for effect in EFFECTS:
        moves = any(hasattr(step, "apply_to_keypoints") for step in pipeline(effect, "mild", (320, 192)).transforms)
        assert moves == (effect in MOVING)
    assert not MOVING & set(DEFAULT_EFFECTS)


def test_snow_bleaches_and_rain_darkens() -> None:
    assert after("snow", "strong", 0).mean() > PICTURE.mean() + 5
    assert after("rain", "strong", 0).mean() < PICTURE.mean() - 5


def test_blur_and_compression_take_detail_away() -> None:
    detail = cv2.Laplacian(PICTURE, cv2.CV_64F).var()
    assert cv2.Laplacian(after("blur", "strong", 0), cv2.CV_64F).var() < 0.5 * detail
    few, many = (len(cv2.imencode(".png", p)[1]) for p in (after("compression", "strong", 0), PICTURE))
    assert few < many


@pytest.mark.parametrize(("effect", "strength", "word"), [("hail", "mild", "snow"), ("snow", "brutal", "medium")])
def test_unknown_names_are_told_with_the_choices(effect: str, strength: str, word: str) -> None:
    with pytest.raises(WhiteoutError, match=word):
        pipeline(effect, strength, (32, 32))
