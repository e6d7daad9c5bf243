"""The kernels of a dense CRF, and how trials on one frame share them."""

from collections.abc import Callable, Hashable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktrack_core.errors import InputError


class Kernel(NamedTuple):
    """One pairwise term: its weight, and where in a feature space the pixels are."""

    weight: float
    name: str
    key: Hashable
    """What tells its features from others of the same name and frame."""
    features: Callable[[], NDArray[np.float32]]


class KeptKernels:
    """The last kernel of either kind of one frame: refinements of it that differ in other than
    widths share its lattice. The same bytes as without.

    The binding ties a kernel to its weight. So each is alone in a model, with weight 1, whose step
    leaves the filtered marginals in a scratch matrix; they are weighted and added up here, in the
    binding's order and precision. For a single refinement that takes longer.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[str, tuple[Hashable, Any]] = {}

    def inference(
        self, model: Any, unary: NDArray[np.float32], kernels: Sequence[Kernel], iterations: int
    ) -> NDArray[np.float32]:
        """Return the marginals, (2, N), of a model that has the unary energy only."""
        models = [self._model(kernel, unary.shape[1]) for kernel in kernels]
        marginals, scratch, _ = model.startInference()
        given, filtered = model.startInference()[0], model.startInference()[0]
        for _ in range(iterations):
            energy = -unary
            for kernel, alone in zip(kernels, models, strict=True):
                np.asarray(given)[...] = np.asarray(marginals)
                alone.stepInference(given, scratch, filtered)
                energy -= np.float32(kernel.weight) * np.asarray(filtered)
            model.setUnaryEnergy(np.ascontiguousarray(-energy))
            model.stepInference(marginals, scratch, filtered)
        return np.asarray(marginals, np.float32)

    def _model(self, kernel: Kernel, pixels: int) -> Any:
        key, model = self._kept.get(kernel.name, (None, None))
        if key != kernel.key:
            model = load_densecrf().DenseCRF(pixels, 2)
            model.addPairwiseEnergy(kernel.features(), compat=1.0)
            self._kept[kernel.name] = kernel.key, model
        return model


def load_densecrf() -> ModuleType:
    """Return the binding; raise ``InputError`` that says what to install where it is missing."""
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise InputError(
            "crf: refinement needs the package pydensecrf, which does not import here; install "
            "pydensecrf2==1.1 (same import name, needs g++), or choose a variant without crf"
        ) from error
    return densecrf  # type: ignore[no-any-return]
