"""Compressed files against the models they were made from, on drawn roads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy import ndarray
from onnx import numpy_helper
from torch import nn

from perception.adapters.candidate import open_model
from perception.box import CLASSES
from perception.compress.build import COMPARED, TOLERANCE, Request, build, correlations, difference, raw_outputs
from perception.compress.compare import compare
from perception.compress.compressed import load_compressed
from perception.compress.pictures import input_pictures
from perception.compress.runtimes import provider_name
from perception.config import ModelConfig
from perception.drive import Drive, DriveWriter
from perception.errors import WhiteoutError
from perception.inference import evaluate_model
from perception.model import LaneDetectionModel, images_from_frames
from perception.outputs import Outputs
from perception.weights import load_model, save_model
from robustness.cli import main
from tests.perception.scenes import frame


def untrained(backbone: str, *, attributes: bool = False) -> LaneDetectionModel:
    """A tiny model; the outputs of its head are spread as a trained one's are, not all alike as at the start."""
    torch.manual_seed(0)
    config = ModelConfig(
        backbone=backbone,
        input_width=96,
        input_height=64,
        pyramid_channels=16,
        tower_convs=1,
        object_attributes=attributes,
        lane_attributes=attributes,
    )
    model = LaneDetectionModel(config).eval().requires_grad_(False)
    model.object_head.classes.weight.mul_(30)
    return model


def numbers(outputs: Outputs) -> dict[str, ndarray]:
    return {name: value.numpy() for name, value in outputs.tensors().items()}


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> list[Drive]:
    """Two drives of drawn roads, of different size."""
    folder = tmp_path_factory.mktemp("drives")
    for name, seeds, width, height in (("a", range(5), 320, 192), ("b", range(5, 8), 192, 128)):
        with DriveWriter(folder / name, {"map": "drawn"}) as writer:
            for seed in seeds:
                writer.add(frame(seed, width=width, height=height))
    return [Drive.open(folder / name) for name in "ab"]


@pytest.fixture(scope="module")
def convolutions() -> LaneDetectionModel:
    return untrained("resnet18")


@pytest.fixture(scope="module")
def exported(convolutions: LaneDetectionModel, drives: list[Drive], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    build(convolutions, Request("onnx"), path, drives)
    return path


@pytest.fixture
def once(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what follows the export is tested, `exported` is taken again: the exporter takes most of the time."""
    monkeypatch.setattr("perception.compress.build.export", lambda _model: onnx.load(exported))


@pytest.mark.parametrize("backbone", ["mobilenet_v3_large", "swin_t", "vit_tiny"])
def test_an_onnx_file_gives_the_outputs_of_its_model_in_any_batch(
    backbone: str, drives: list[Drive], tmp_path: Path
) -> None:
    model = untrained(backbone, attributes=True)
    built = build(model, Request("onnx"), tmp_path / "m.onnx", drives)
    loaded = load_compressed(tmp_path / "m.onnx")
    assert loaded.config == model.config
    assert loaded.imprint.weights_hash == model.weights_hash() == built.imprint.weights_hash
    for batch in (1, 3):
        pictures = input_pictures(drives, model.config, batch)
        given = numbers(loaded(pictures))
        wanted = raw_outputs(model, pictures)
        assert {name: value.shape for name, value in given.items()} == {n: value.shape for n, value in wanted.items()}
        assert difference(wanted, given) < TOLERANCE / 10


def test_an_onnx_file_predicts_and_scores_like_its_model(
    convolutions: LaneDetectionModel, exported: Path, drives: list[Drive]
) -> None:
    loaded = load_compressed(exported)
    images = images_from_frames([drives[0][0], drives[0][1]])
    for ours, theirs in zip(convolutions.predict(images), loaded.predict(images.numpy()), strict=True):
        assert [box.label for box in ours.boxes] == [box.label for box in theirs.boxes]
        corners = [np.array([box.xyxy for box in one.boxes]) for one in (ours, theirs)]
        assert np.allclose(corners[0], corners[1], atol=0.1)
        assert [line.slot for line in ours.lanes] == [line.slot for line in theirs.lanes]
    figures = [evaluate_model(model, drives, progress=False).to_dict() for model in (convolutions, loaded)]
    assert figures[0]["lane_tp"] == figures[1]["lane_tp"]
    assert figures[0]["box_fp"] == figures[1]["box_fp"]


def test_a_compressed_file_is_a_model_under_test_without_gradients(exported: Path) -> None:
    model = open_model(str(exported))
    assert (model.name, model.classes, model.has_lanes) == ("model", CLASSES, True)
    assert model.network is None
    assert model.no_gradients == model.no_layers == "compressed files have no gradients"
    assert model.weights_hash() == load_compressed(exported).weights_hash()
    picture = images_from_frames([frame(0)])
    assert model.predict(picture)[0].boxes == load_compressed(exported).predict(picture)[0].boxes


def test_the_same_model_gives_the_same_bytes(
    convolutions: LaneDetectionModel, exported: Path, drives: list[Drive], tmp_path: Path
) -> None:
    build(convolutions, Request("onnx"), tmp_path / "again.onnx", drives)
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_dynamic_quantisation_takes_every_linear_layer_and_no_convolution(tmp_path: Path) -> None:
    model = untrained("vit_tiny")
    built = build(model, Request("int8", method="dynamic", keep=("*blocks.3.mlp.*",)), tmp_path / "d.onnx")
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    # the input projection of attention is a parameter of the attention itself
    linear |= {name.removesuffix(".in_proj_weight") for name, _ in model.named_parameters() if "in_proj_weight" in name}
    kept = {name for name in linear if ".3.mlp." in name}
    convolutions = {
        name for name, module in model.named_modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d)
    }
    assert len(kept) == 2
    assert len(linear) == 12 * 4
    assert {layer.name for layer in built.layers if layer.quantised} == linear - kept
    assert {layer.name for layer in built.layers if not layer.quantised} == convolutions | kept
    whole = {tensor.name for tensor in onnx.load(tmp_path / "d.onnx").graph.initializer if tensor.data_type == 3}
    assert sum("_quantized" in name for name in whole) >= len(linear - kept), "int8 in the file itself"
    correlation = built.imprint.facts["correlation"]
    assert isinstance(correlation, dict)
    assert min(correlation.values()) > 0.99  # type: ignore[type-var, operator]


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize("ranges", ["minmax", "entropy"])
def test_static_quantisation_shrinks_the_file_and_keeps_the_outputs(
    ranges: str, convolutions: LaneDetectionModel, exported: Path, drives: list[Drive], tmp_path: Path
) -> None:
    path = tmp_path / "s.onnx"
    built = build(convolutions, Request("int8", ranges=ranges), path, drives)  # type: ignore[arg-type]
    assert path.stat().st_size < 0.3 * exported.stat().st_size
    quantised = {layer.name for layer in built.layers if layer.quantised}
    assert "backbone.stages.0.0" in quantised
    assert not quantised & {"object_head.classes", "object_head.sides", "lane_head.positions"}
    pictures = input_pictures(drives, convolutions.config, COMPARED)
    wanted, given = raw_outputs(convolutions, pictures), numbers(load_compressed(path)(pictures))
    agreement = correlations(wanted, given)
    assert agreement["logits"] > 0.99
    assert agreement["lane_logits"] > 0.99
    assert built.imprint.facts["difference"] == pytest.approx(difference(wanted, given), rel=1e-3)


@pytest.mark.usefixtures("once")
def test_openvino_gives_the_outputs_of_the_model(
    convolutions: LaneDetectionModel, drives: list[Drive], tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    built = build(convolutions, Request("openvino"), tmp_path / "m.xml", drives)
    assert {path.name for path in tmp_path.iterdir()} == {"m.xml", "m.bin"}
    loaded = load_compressed(tmp_path / "m.xml")
    assert loaded.imprint == built.imprint
    pictures = input_pictures(drives, convolutions.config, 3)
    assert difference(raw_outputs(convolutions, pictures), numbers(loaded(pictures))) < TOLERANCE
    assert len(loaded.predict(images_from_frames([drives[0][0]]))) == 1


def test_the_comparison_has_a_row_for_each_model(
    convolutions: LaneDetectionModel, exported: Path, drives: list[Drive], tmp_path: Path
) -> None:
    save_model(convolutions, tmp_path / "w.safetensors")
    rows = compare([str(tmp_path / "w.safetensors"), str(exported)], drives[1:], progress=False)
    assert [row.form for row in rows] == ["torch", "onnx"]
    assert rows[1].megabytes == pytest.approx(exported.stat().st_size / 1e6)
    for row in rows:
        assert 0 < row.milliseconds[1] < row.milliseconds[16]
        assert row.car_ap50 is not None


def test_the_command_writes_a_file_and_compares_it(
    drives: list[Drive], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = str(tmp_path / "w.safetensors"), str(tmp_path / "w.onnx")
    save_model(untrained("resnet18"), weights)
    data = ["--data", str(drives[1].path)]
    assert main(["compress", weights, "--to", "int8", "--pictures", "2", "--out", out, *data]) == 0
    assert "correlation" in capsys.readouterr().out
    assert main(["compress", weights, "--compare", out, "--json", str(tmp_path / "c.json"), *data]) == 0
    told = json.loads((tmp_path / "c.json").read_text())
    assert [row["form"] for row in told["models"]] == ["torch", "int8 static"]
    assert told["models"][1]["weights_hash"] == load_compressed(out).weights_hash()
    assert load_compressed(out).imprint.weights_hash == load_model(weights).weights_hash()
    assert main(["evaluate", "--model", out, str(drives[1].path)]) == 0


@pytest.mark.usefixtures("once")
def test_what_cannot_be_done_is_said_in_one_sentence(
    convolutions: LaneDetectionModel, exported: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.onnx"
    with pytest.raises(WhiteoutError, match="calibration pictures; name drives with --data"):
        build(convolutions, Request("int8"), out)
    with pytest.raises(WhiteoutError, match="resnet18 has no layer that dynamic quantisation acts on"):
        build(convolutions, Request("int8", method="dynamic"), out)
    with pytest.raises(WhiteoutError, match=r"writes a \.xml file"):
        build(convolutions, Request("openvino"), out)
    with pytest.raises(WhiteoutError, match="provider 'tpu' is not known; use one of cpu, openvino, cuda, tensorrt"):
        load_compressed(exported, "tpu")
    with pytest.raises(WhiteoutError, match="there is no such file"):
        load_compressed(out)
    out.write_bytes(b"no network")
    with pytest.raises(WhiteoutError, match="ONNX Runtime cannot run this file"):
        load_compressed(out)
    network = onnx.load(exported)
    del network.metadata_props[:]
    onnx.save(network, out)
    with pytest.raises(WhiteoutError, match="was not made by `whiteout compress`"):
        load_compressed(out)
    onnx.save(network, out, save_as_external_data=True, location="x.bin")
    with pytest.raises(WhiteoutError, match="its weights lie in another file"):
        load_compressed(out)


def test_a_provider_that_is_not_installed_is_named_with_its_package(
    convolutions: LaneDetectionModel, exported: Path, tmp_path: Path
) -> None:
    import onnxruntime

    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has TensorRT")
    for use in (
        lambda: load_compressed(exported, "tensorrt"),
        lambda: build(convolutions, Request("tensorrt"), tmp_path / "t.onnx"),
    ):
        with pytest.raises(WhiteoutError, match=r"provider 'tensorrt' is not in the ONNX Runtime .* onnxruntime-gpu"):
            use()
    assert provider_name("cpu") == "CPUExecutionProvider"


def test_a_network_that_differs_is_not_written(
    convolutions: LaneDetectionModel, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = onnx.load(exported)
    bias = next(one for one in other.graph.initializer if one.name.endswith("lane_head.positions.bias"))
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    monkeypatch.setattr("perception.compress.build.export", lambda _model: other)
    with pytest.raises(WhiteoutError, match=r"differ from the model's by 0\.01"):
        build(convolutions, Request("onnx"), tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
