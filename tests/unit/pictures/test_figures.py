from io import BytesIO

import numpy as np
import pytest

from masktrack_core.errors import InputError
from masktrack_core.pictures.figures import figure2


def pictures(count, *, value, size=(20, 30)):
    return [np.full((*size, 3), value + n, np.uint8) for n in range(count)]


def test_frames_are_above_and_their_own_magnitudes_below():
    figure = figure2(pictures(3, value=10), pictures(3, value=200), names=["bear", "bus", "surf"])
    shown = [int(axis.images[0].get_array()[0, 0, 0]) for axis in figure.axes]
    assert shown == [10, 11, 12, 200, 201, 202]
    above, below = figure.axes[1].get_position(), figure.axes[4].get_position()
    assert above.y0 > below.y0 and above.x0 == pytest.approx(below.x0)
    assert [axis.get_title() for axis in figure.axes] == ["bear", "bus", "surf", "", "", ""]
    assert figure.axes[0].get_ylabel() == "RGB"
    assert figure.axes[3].get_ylabel() == "motion magnitude"


def test_one_frame_without_a_name_is_drawn_the_same_twice():
    drawn = [BytesIO(), BytesIO()]
    for file in drawn:
        figure2(pictures(1, value=0), pictures(1, value=9)).savefig(file, format="png")
    assert drawn[0].getvalue() == drawn[1].getvalue()


@pytest.mark.parametrize("counts", [(0, 0, 0), (2, 1, 0), (2, 2, 1)])
def test_unlike_counts_are_refused(counts):
    frames, magnitudes, names = counts
    with pytest.raises(InputError, match="expected as many frames as magnitudes"):
        figure2(pictures(frames, value=0), pictures(magnitudes, value=0), names=["a"] * names)


def test_magnitude_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"magnitudes\[0\]: expected shape \(20, 30, 3\)"):
        figure2(pictures(1, value=0), pictures(1, value=0, size=(10, 15)))


def test_labels_break_between_words_and_behind_a_plus_only():
    from masktrack_core.pictures.sheets import wrapped

    assert wrapped("Fine-tuned+Flow+CRF", 1.3) == "Fine-tuned+Flow+\nCRF"
    assert wrapped("Fine-tuned+Flow+CRF", 3) == "Fine-tuned+Flow+CRF"
    assert wrapped("bus\nMaskTrack without online fine-tuning", 1) == (
        "bus\nMaskTrack\nwithout online\nfine-tuning"
    )
    assert wrapped("a + b", 1) == "a + b"
