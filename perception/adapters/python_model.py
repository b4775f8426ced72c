"""A model that a Python factory makes: the one way in that runs a user's code, on the user's word."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from perception.adapters.maite import FromMaite, is_maite_model
from perception.adapters.spec import Spec
from perception.errors import WhiteoutError
from perception.fingerprint import weights_hash


class Made:
    """What a factory made, with a hash where it has none of its own: of the module's source and of torch weights."""

    def __init__(self, model: Any, source: str, holder: Any) -> None:
        """Join a model with its module's source; `holder` is the object that may hold torch modules."""
        self._model = model
        self._source = source
        self._holder = holder

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's own."""
        return getattr(self._model, name)

    def weights_hash(self) -> str:
        """The model's own hash, or one over the module's source and the torch modules among the model's attributes."""
        own = getattr(self._model, "weights_hash", None)
        if callable(own):
            return str(own())
        digest = hashlib.sha256(self._source.encode())
        for name, module in sorted(_modules(self._holder).items()):
            digest.update(f"{name} {weights_hash(module.state_dict())}".encode())
        return digest.hexdigest()


def open_python(spec: Spec) -> Made:
    """What the factory returns; a MAITE object detector is wrapped.

    Raises:
        WhiteoutError: there is no such module or factory, or it fails.
    """
    module = _module(spec)
    factory = getattr(module, spec.detail, None)
    if not callable(factory):
        raise WhiteoutError(f"{spec}: {spec.subject} has no function {spec.detail!r}; name one that takes no arguments")
    try:
        model = factory()
    except WhiteoutError:
        raise
    except Exception as error:
        raise WhiteoutError(f"{spec}: the factory failed ({type(error).__name__}: {error})") from error
    source = Path(module.__file__).read_text(encoding="utf-8") if module.__file__ else spec.subject
    return Made(FromMaite(model) if is_maite_model(model) else model, source, model)


def _module(spec: Spec) -> ModuleType:
    try:
        if not spec.subject.endswith(".py"):
            return importlib.import_module(spec.subject)
        name = f"whiteout_model_{Path(spec.subject).stem}"
        found = importlib.util.spec_from_file_location(name, spec.subject)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)
    except Exception as error:
        raise WhiteoutError(
            f"{spec}: the module cannot be imported ({type(error).__name__}: {error}); install it, or name a .py file"
        ) from error
    return module


def _modules(model: Any) -> dict[str, nn.Module]:
    """The torch module that an object is, or those that it has as attributes."""
    if isinstance(model, nn.Module):
        return {"": model}
    return {name: value for name, value in getattr(model, "__dict__", {}).items() if isinstance(value, nn.Module)}
