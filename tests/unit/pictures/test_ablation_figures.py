import numpy as np
import pandas as pd
import pytest

from masktrack_core.errors import InputError
from masktrack_core.pictures.ablation_figures import deformed_masks_page, delta_figure
from masktrack_core.pictures.figures import write_figure

NAN = float("nan")
TABLE = pd.DataFrame(
    {
        "aspect": ["Add-ons", "", "Training"],
        "variant": ["MaskTrack+Flow", "MaskTrack", "A second reading"],
        "delta": [2.0, NAN, -7.5],
        "paper_delta": [3.6, NAN, NAN],
    }
)


def test_a_point_stands_at_each_difference_and_the_baseline_has_none():
    axes = delta_figure(TABLE).axes[0]
    paper, ours = axes.collections[1:]
    assert np.asarray(ours.get_offsets()).tolist() == [[2.0, 0], [-7.5, 1]]
    shown = np.ma.filled(paper.get_offsets().astype(float), NAN)
    assert shown[0].tolist() == [3.6, 0] and np.isnan(shown[1, 0])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["Add-ons: MaskTrack+Flow", "Training: A second reading"]


def test_an_ablation_of_the_baseline_alone_is_refused():
    with pytest.raises(InputError, match="expected a row with a difference"):
        delta_figure(TABLE.iloc[1:2])


def still(*, shift):
    frame = np.full((20, 30, 3), 100, np.uint8)
    mask = np.zeros((20, 30), np.bool_)
    mask[5:10, 5:15] = True
    return frame, mask, [np.roll(mask, shift, axis=1), np.zeros_like(mask)]


def test_the_page_shows_the_annotation_then_each_deformed_mask_in_place():
    figure = deformed_masks_page([still(shift=3), still(shift=6)], ["paper", "none"])
    tinted = [axis.images[0].get_array()[7, :, 1] != 100 for axis in figure.axes]
    assert [np.flatnonzero(row)[:1].tolist() for row in tinted] == [[5], [8], [], [5], [11], []]
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["annotation", "paper", "none", "", "", ""]


def test_masks_without_a_title_are_refused():
    with pytest.raises(InputError, match="expected stills with 1 deformed masks each, got \\[2\\]"):
        deformed_masks_page([still(shift=1)], ["paper"])


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        write_figure(delta_figure(TABLE), [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()
