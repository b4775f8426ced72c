"""ONNX files: gradients against finite differences, what is refused, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from perception.adapters.candidate import open_model
from perception.errors import WhiteoutError
from tests.perception.adapters.onnx_files import SIZE, bright_lines, constants, dark_finder, describe

OBJECTS = "objects: {decoder: yolov5, classes: {0: car}}"


def picture(seed: int = 0, size: tuple[int, int] = (48, 64)) -> torch.Tensor:
    """A random picture."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_gradients_equal_finite_differences_of_the_file_itself(tmp_path: Path) -> None:
    """Resizing, letterbox, normalisation, network and decoder together; the differences come from onnxruntime."""
    path = dark_finder(tmp_path / "d.onnx", width=64, height=64)
    describe(tmp_path / "d.yaml", OBJECTS, width=64, height=64, more=", resize: letterbox, std: [0.5, 0.5, 0.5]")
    model = open_model(f"onnx:{path}")
    images = (picture(size=(60, 80)) * 0.3).requires_grad_(True)
    confidence = model.network(images).objects.log_confidence.exp()
    weight = torch.linspace(-1, 1, confidence.numel()).view_as(confidence)
    (gradient,) = torch.autograd.grad((confidence * weight).sum(), images)
    assert float(gradient.abs().max()) > 1e-4
    for seed in range(4):
        step = 1e-2 * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
        ends = [model.model.evidence((images + sign * step).detach()).objects.log_confidence.exp() for sign in (1, -1)]
        slope = float(((ends[0] - ends[1]).double() * weight).sum() / 2)
        assert abs(slope) > 1e-4
        assert float((gradient.double() * step).sum()) == pytest.approx(slope, rel=2e-2)


def test_an_operator_without_a_torch_twin_leaves_answers_but_no_gradients(tmp_path: Path) -> None:
    path = dark_finder(tmp_path / "odd.onnx", width=64, height=48, odd=True)
    describe(tmp_path / "odd.yaml", OBJECTS + "\ngrad_cam: {layers: [dark]}", width=64, height=48)
    model = open_model(f"onnx:{path}")
    assert model.network is None
    assert "Shrink" in model.no_gradients
    assert model.no_layers == model.no_gradients
    assert model.predict(torch.zeros(1, 3, 48, 64))[0].boxes[0].score > 0.9


def test_layers_are_those_that_the_description_names(tmp_path: Path) -> None:
    path = bright_lines(tmp_path / "l.onnx", width=64, height=32)
    describe(tmp_path / "l.yaml", "lanes: {decoder: segmentation}", width=64, height=32)
    assert "grad_cam.layers" in open_model(f"onnx:{path}").no_layers
    describe(
        tmp_path / "l.yaml", "lanes: {decoder: segmentation}\ngrad_cam: {layers: [/head/Conv]}", width=64, height=32
    )
    assert list(open_model(f"onnx:{path}").network.explainable_layers) == ["/head/Conv"]
    describe(tmp_path / "l.yaml", "lanes: {decoder: segmentation}\ngrad_cam: {layers: [stem]}", width=64, height=32)
    with pytest.raises(WhiteoutError, match=r"l\.yaml: grad_cam\.layers names 'stem'.*Conv"):
        open_model(f"onnx:{path}")


def test_the_hash_sees_weights_and_description(tmp_path: Path) -> None:
    path = dark_finder(tmp_path / "d.onnx", width=64, height=48)
    describe(tmp_path / "d.yaml", OBJECTS, width=64, height=48)
    model = open_model(f"onnx:{path}")
    first = model.weights_hash()
    assert open_model(f"onnx:{path}").weights_hash() == first
    next(model.network.parameters()).data.add_(1.0)
    assert model.weights_hash() != first
    describe(tmp_path / "d.yaml", OBJECTS.replace("}}", "}, score: 0.2}"), width=64, height=48)
    assert open_model(f"onnx:{path}").weights_hash() != first


def test_randomised_weights_keep_their_values_and_lose_their_order(tmp_path: Path) -> None:
    path = dark_finder(tmp_path / "d.onnx", width=64, height=48)
    describe(tmp_path / "d.yaml", OBJECTS, width=64, height=48)
    network = open_model(f"onnx:{path}").network
    other = network.randomised()
    mine, theirs = (dict(one.named_parameters()) for one in (network, other))
    name = max(mine, key=lambda key: mine[key].numel())
    assert not torch.equal(mine[name], theirs[name])
    assert torch.equal(mine[name].flatten().sort().values, theirs[name].flatten().sort().values)


def with_external(path: Path, location: str, length: int = 16) -> Path:
    """A file whose one weight is said to lie at a location."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        weight.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "w"], ["o"])], "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)], [weight],
    )  # fmt: skip
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())
    describe(path.with_suffix(".yaml"), OBJECTS)
    return path


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "", "inner/../../secret.bin", "link.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    path = with_external(folder / "m.onnx", location)
    with pytest.raises(WhiteoutError, match=r"m\.onnx: tensor 'w' points to .*outside the file's own folder"):
        open_model(f"onnx:{path}")


def test_missing_and_short_external_data_are_named(tmp_path: Path) -> None:
    path = with_external(tmp_path / "m.onnx", "weights.bin")
    with pytest.raises(WhiteoutError, match=r"m\.onnx: its external data 'weights\.bin' \(tensor 'w'\) is missing"):
        open_model(f"onnx:{path}")
    (tmp_path / "weights.bin").write_bytes(bytes(8))
    with pytest.raises(WhiteoutError, match="ends before tensor 'w' does"):
        open_model(f"onnx:{path}")


def test_external_data_beside_the_file_is_read_and_hashed(tmp_path: Path) -> None:
    path = dark_finder(tmp_path / "d.onnx", width=64, height=48)
    describe(tmp_path / "d.yaml", OBJECTS, width=64, height=48)
    inside = open_model(f"onnx:{path}").predict(picture())[0]
    proto = onnx.load(str(path))
    onnx.save(
        proto, str(path), save_as_external_data=True, location="d.bin", size_threshold=100, convert_attribute=False
    )
    model = open_model(f"onnx:{path}")
    assert model.predict(picture())[0] == inside
    first = model.weights_hash()
    data = bytearray((tmp_path / "d.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "d.bin").write_bytes(data)
    assert open_model(f"onnx:{path}").weights_hash() != first


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("objects: {decoder: yolox, classes: coco}", r"tiny\.yaml: objects: the output has 3 rows, but strides"),
        ("objects: {decoder: yolov5, classes: coco}", r"tiny\.yaml: objects: .*\[1, 3, 6\].*1 classes .*but 80 are"),
        ("objects: {decoder: yolov5, classes: {4: car}}", "holds 1 classes for decoder yolov5, but at least 5"),
        ("lanes: {decoder: segmentation}", r"tiny\.yaml: lanes: the output has the shape \[1, 3, 6\].*four axes"),
        ("objects: {decoder: yolop, output: other}", r"tiny\.yaml: objects\.output names 'other'.*write one of det"),
    ],
)
def test_an_output_of_another_shape_names_file_field_and_remedy(tmp_path: Path, body: str, words: str) -> None:
    rows = np.zeros((1, 3, 85 if "yolox" in body else 6))
    path = constants(tmp_path / "tiny.onnx", {"det": rows})
    describe(tmp_path / "tiny.yaml", body)
    with pytest.raises(WhiteoutError, match=words):
        open_model(f"onnx:{path}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("objects: {decoder: yolop}", r"d\.yaml: line 1: input: this key is missing; add it"),
        ("input: {width: 8}\nobjects: {decoder: yolop}", r"d\.yaml: line 1: input\.height: this key is missing"),
        ("inputs: {width: 8}", r"unknown key; did you mean 'input'"),
        ("input: {width: 32, height: 32, colours: RGB, range: 1}", r"line 1: input\.colours: unknown key"),
        ("input: {width: 32, height: 32, channels: RGB, range: 1}", "neither objects nor lanes"),
        ("input: {width: 32, height: 32, channels: RGB, range: 1}\nobjects: {decoder: yolov9}", "objects.decoder"),
        ("input: {width: 32, height: 32, channels: RGB, range: 1}\nobjects: {decoder: yolov8}", "classes is missing"),
        (
            "input: {width: 32, height: 32, channels: RGB, range: 1}\nobjects: {decoder: yolov8, classes: {0: tram}}",
            "'tram', which is none of car",
        ),
        (
            "input: {width: 32, height: 32, channels: RGB, range: 1}\nlanes: {decoder: yolop, row_anchors: culane}",
            "row_anchors belongs to the decoder ufld",
        ),
        ("input: {width: 32, height: 32, channels: RGB, range: 1, std: [1, 0, 1]}\nobjects: {decoder: yolop}", "std"),
        ("input: !!python/object/apply:os.system [true]", "line 1"),
        ("- 1", "mapping with the keys input at least"),
    ],
)
def test_a_wrong_description_names_file_line_field_and_remedy(tmp_path: Path, text: str, words: str) -> None:
    path = constants(tmp_path / "d.onnx", {"det": np.zeros((1, 3, 6))})
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(WhiteoutError, match=words) as caught:
        open_model(f"onnx:{path}")
    assert "d.yaml" in str(caught.value)


def test_another_size_layout_or_input_is_a_sentence(tmp_path: Path) -> None:
    path = constants(tmp_path / "d.onnx", {"det": np.zeros((1, 3, 6))})
    describe(tmp_path / "d.yaml", "objects: {decoder: yolop}", width=64)
    with pytest.raises(WhiteoutError, match=r"d\.yaml: input\.width does not fit .*d\.onnx"):
        open_model(f"onnx:{path}")
    describe(tmp_path / "d.yaml", "objects: {decoder: yolop}", more=", layout: NHWC")
    with pytest.raises(WhiteoutError, match=r"input\.height does not fit"):
        open_model(f"onnx:{path}")
    describe(tmp_path / "d.yaml", "objects: {decoder: yolop}", more=", name: images")
    with pytest.raises(WhiteoutError, match=r"input\.name names 'images'.*write one of image"):
        open_model(f"onnx:{path}")


def test_what_is_no_onnx_file_is_a_sentence(tmp_path: Path) -> None:
    for content in (b"", b"not a model", b"\x08\x07"):
        (tmp_path / "d.onnx").write_bytes(content)
        describe(tmp_path / "d.yaml", OBJECTS)
        with pytest.raises(WhiteoutError, match=r"d\.onnx: this is no whole ONNX file"):
            open_model(f"onnx:{tmp_path / 'd.onnx'}")


def test_an_operator_that_nobody_has_is_a_sentence(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Magic", ["image"], ["o"], domain="nowhere")], "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1, 3, 6])],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("nowhere", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    (tmp_path / "d.onnx").write_bytes(model.SerializeToString())
    describe(tmp_path / "d.yaml", OBJECTS)
    with pytest.raises(WhiteoutError, match=r"d\.onnx: onnxruntime refuses the file"):
        open_model(f"onnx:{tmp_path / 'd.onnx'}")
