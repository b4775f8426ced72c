"""Computing one cell; runs in a worker process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType

from perception.adapters.candidate import Candidate, open_model
from perception.drive import Drive
from perception.errors import WhiteoutError
from perception.protocols import Predictor
from robustness.attack_cell import attack
from robustness.audit import audit
from robustness.cells import AttackCell, AuditCell, Cell, DriveCell, ModelCell, ModelRef, ScoreCell
from robustness.overlays import as_json, prediction_overlay, truth_overlay
from robustness.scoring import Row, predict_one, score_rows
from robustness.store import Result, Store
from scenarios.play import play
from scenarios.server.launch import ServerProcess, start_server


class Workshop:
    """What a worker keeps between cells: a server for the map of its last drive. A context manager.

    Attributes:
        store: where results go.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._servers = ExitStack()
        self._server: ServerProcess | None = None
        self._serves: tuple[str, str] | None = None

    def __enter__(self) -> Workshop:  # noqa: PYI034 - beartype refuses Self outside decorated classes
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_server()

    def compute(self, cell: Cell, on_frame: Callable[[int, int], None] | None = None) -> None:
        """Compute a cell and keep its result.

        Raises:
            WhiteoutError: the cell cannot be computed.
        """
        if isinstance(cell, DriveCell):
            self._play(cell, on_frame)
            return
        self.close_server()
        drive = self.store.drive(cell.drive)
        model = _model(cell.model)
        match cell:
            case ScoreCell():
                self.store.write(cell, score(drive, model))
            case AttackCell():
                self.store.write(cell, *attack(cell, drive, model))
            case AuditCell():
                self.store.write(cell, *audit(cell, drive, model))
            case ModelCell():
                raise TypeError(f"no work is known for {type(cell).__name__}")

    def close_server(self) -> None:
        """End the server, if there is one; it would hold memory that models need."""
        self._servers.close()
        self._server = self._serves = None

    def _play(self, cell: DriveCell, on_frame: Callable[[int, int], None] | None) -> None:
        """Play a drive on this worker's server, started anew for another map and after a failure."""
        wanted = (cell.map, cell.quality)
        if self._serves != wanted or self._server is None:
            self.close_server()
            self._server = self._servers.enter_context(start_server(cell.map, quality=cell.quality, seed=0))
            self._serves = wanted
        try:
            play(
                cell.scenario, weather=cell.weather, seed=cell.seed, out=self.store.drive_path(cell), map_name=cell.map,
                width=cell.width, height=cell.height, quality=cell.quality, frames=cell.frames,
                counterfactuals=cell.twins, server=self._server, on_frame=on_frame,
            )  # fmt: skip
        except BaseException:
            self.close_server()  # nobody knows in what state it is
            raise


def score(drive: Drive, model: Predictor) -> Result:
    """The model's answers on every frame."""
    rows: list[Row] = []
    shown: dict[str, object] = {}
    pictures = hashlib.sha256()
    for frame in drive:
        pictures.update(frame.image.tobytes())
        prediction = predict_one(model, frame)
        rows.extend(score_rows(frame, prediction))
        shown[frame.name] = {
            "truth": as_json(truth_overlay(frame)),
            "prediction": as_json(prediction_overlay(prediction)),
        }
    size = drive[0].image.shape
    facts = {
        "frames": shown,
        "content_hash": drive.content_hash,
        "pictures_hash": pictures.hexdigest(),
        "width": size[1],
        "height": size[0],
    }
    return Result(tuple(rows), facts)


@lru_cache(maxsize=1)
def _model(ref: ModelRef) -> Candidate:
    """The model, checked to be the one that the cell is named after."""
    model = open_model(ref.source)
    if model.weights_hash() != ref.weights_hash:
        raise WhiteoutError(f"{ref.source}: the weights changed while the campaign ran; run it again")
    return model
