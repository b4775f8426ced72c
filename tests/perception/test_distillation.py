"""Learning from a teacher: nothing to learn from oneself, the formula by hand, and gradients to the student alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import softmax

from perception import train as training
from perception.config import ModelConfig
from perception.distillation import DISTILLATION_WEIGHTS, Distillation, softened_loss, two_way_loss
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.model import LaneDetectionModel, images_from_frames
from perception.train import TrainConfig, start, take_step, train
from perception.weights import read_card, save_model
from tests.perception.scenes import frame

CONFIG = ModelConfig(backbone="vit_tiny", input_width=96, input_height=64, pyramid_channels=16, tower_convs=1)
WIDE = replace(CONFIG, pyramid_channels=32, backbone="resnet18")


def made(config: ModelConfig, seed: int) -> LaneDetectionModel:
    torch.manual_seed(seed)
    return LaneDetectionModel(config).eval()


def losses_of(student: LaneDetectionModel, teacher: LaneDetectionModel) -> tuple[Distillation, dict[str, torch.Tensor]]:
    images = images_from_frames([frame(10, width=96, height=64), frame(8, width=96, height=64)])
    distillation = Distillation(teacher, student.config)
    features = student.features(images)
    return distillation, distillation(images, features, student.answer(features, student.input_size))


def test_there_is_nothing_to_learn_from_oneself() -> None:
    model = made(CONFIG, 0)
    for loss in losses_of(model, made(CONFIG, 0))[1].values():
        assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    for loss in losses_of(model, made(CONFIG, 1))[1].values():
        assert float(loss.detach()) > 1e-5


def test_gradients_reach_the_student_and_the_adapters_alone() -> None:
    """Another backbone and another width; the heads' box outputs have no teacher."""
    student, teacher = made(CONFIG, 0), made(WIDE, 1)
    distillation, losses = losses_of(student, teacher)
    assert losses.keys() == DISTILLATION_WEIGHTS.keys()
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(value.grad is None for value in teacher.parameters())
    assert all(value.grad is not None for value in student.backbone.parameters())
    assert all(value.grad is not None for value in student.lane_head.parameters())
    assert student.object_head.classes.weight.grad is not None
    assert student.object_head.sides.weight.grad is None
    assert all(value.grad is not None for value in distillation.parameters())
    assert {name.split(".")[0] for name in distillation.state_dict()} == {"adapters"}, "the teacher is not saved"


def test_hintons_loss_by_hand() -> None:
    student, teacher = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([0.3, 2.0, -1.0])
    p, q = softmax(teacher / 2, -1), softmax(student / 2, -1)
    torch.testing.assert_close(softened_loss(student, teacher, 2.0), 4 * (p * (p / q).log()).sum())
    x, y = student[0], teacher[0]
    pair = softened_loss(torch.stack([x, x * 0]), torch.stack([y, y * 0]), 2.0)
    torch.testing.assert_close(two_way_loss(x, y, 2.0), pair)
    a, b = 1 / (1 + math.exp(-0.15)), 1 / (1 + math.exp(-0.5))
    wanted = 4 * (a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b)))
    assert float(two_way_loss(x, y, 2.0)) == pytest.approx(wanted, rel=1e-4)


def test_at_a_high_temperature_it_is_the_squared_difference() -> None:
    """Hinton et al. 2015, section 2.1: with logits of mean zero the gradient is that of half the mean squared error."""
    torch.manual_seed(0)
    student, teacher = torch.randn(4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    student, teacher = (student - student.mean()).requires_grad_(), teacher - teacher.mean()
    (gradient,) = torch.autograd.grad(softened_loss(student, teacher, 1e4), student)
    torch.testing.assert_close(gradient, (student.detach() - teacher) / 4, rtol=1e-3, atol=1e-6)


def test_a_resumed_training_with_a_teacher_ends_with_the_same_bytes(
    drive: Drive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save_model(made(WIDE, 1), teacher)
    settings = TrainConfig(steps=4, batch=2, checkpoint_every=2, precision="32-true", accelerator="cpu")
    config = replace(CONFIG, backbone="resnet18")
    whole, stopped, alone = (tmp_path / f"{name}.safetensors" for name in ("whole", "stopped", "alone"))
    train([drive], whole, settings, model_config=config, teacher=teacher, workers=0)

    def stop_at_three(*given: object) -> dict[str, float]:
        if given[1].progress.step == 3:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        return take_step(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(training, "take_step", stop_at_three)
        with pytest.raises(KeyboardInterrupt):
            train([drive], stopped, settings, model_config=config, teacher=teacher, workers=0)
    with pytest.raises(WhiteoutError, match="another teacher"):
        train([drive], stopped, settings, model_config=config, workers=0, resume=True)
    card = train([drive], stopped, settings, model_config=config, teacher=teacher, workers=0, resume=True)
    assert stopped.read_bytes() == whole.read_bytes()
    assert card.facts["teacher"] == {"weights_hash": read_card(teacher).weights_hash, "facts": {}}
    losses = card.facts["losses"]
    assert isinstance(losses, dict)
    assert losses.keys() > DISTILLATION_WEIGHTS.keys()
    train([drive], alone, settings, model_config=config, workers=0)
    assert alone.read_bytes() != whole.read_bytes(), "the teacher has a say"


def test_a_teacher_that_sees_other_sizes_is_a_sentence(tmp_path: Path) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save_model(made(replace(CONFIG, input_width=128), 0), teacher)
    with pytest.raises(WhiteoutError, match="128 x 64 px and the student 96 x 64"):
        start(TrainConfig(), CONFIG, teacher=teacher)
