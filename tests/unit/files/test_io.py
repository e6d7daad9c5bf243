import os
import shutil
import stat

import numpy as np
import pytest
from PIL import Image

from masktrack_core.arrays import Size
from masktrack_core.errors import InputError
from masktrack_core.files import io
from masktrack_core.files.decoding import MAX_PIXELS, read_size

MASK = np.array([[0, 1, 1], [0, 0, 1]], dtype=np.bool_)
FRAME = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14


def save(path, values, **options):
    Image.fromarray(np.asarray(values)).save(path, **options)
    return path


def mode(path):
    with Image.open(path) as picture:
        return picture.mode


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# --- atomic_path


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with io.atomic_path(target) as path:
        path.write_text("old")
    with pytest.raises(RuntimeError), io.atomic_path(target) as path:
        path.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [entry.name for entry in target.parent.iterdir()] == ["a.txt"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path):
    with io.atomic_path(tmp_path / "a") as path:
        path.write_text("x")
    (tmp_path / "b").write_text("x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "b").stat().st_mode
    )


# --- frames


def test_frames_are_rgb_not_bgr(tmp_path):
    io.write_frame(tmp_path / "a.png", FRAME)
    assert np.array_equal(io.read_frame(tmp_path / "a.png"), FRAME)


@pytest.mark.parametrize(
    "values",
    [
        np.full((2, 3), 200, np.uint8),
        np.full((2, 3), 200 * 257, np.uint16),
        np.full((2, 3, 3), 200, np.uint8),
        np.dstack([np.full((2, 3), 200, np.uint8), np.zeros((2, 3), np.uint8)]),
        np.dstack([np.full((2, 3, 3), 200, np.uint8), np.zeros((2, 3), np.uint8)]),
    ],
    ids=["grey", "16-bit grey", "colour", "grey with alpha", "colour with alpha"],
)
def test_grey_deep_and_transparent_frames_become_rgb(tmp_path, values):
    frame = io.read_frame(save(tmp_path / "a.png", values))
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, np.full((2, 3, 3), 200, np.uint8))


def test_a_palette_frame_becomes_its_colours(tmp_path):
    Image.fromarray(FRAME).quantize(6).save(tmp_path / "a.gif")
    assert np.array_equal(io.read_frame(tmp_path / "a.gif"), FRAME)


def test_a_one_bit_frame_is_black_and_white(tmp_path):
    frame = io.read_frame(save(tmp_path / "a.png", MASK))
    assert np.array_equal(frame, np.repeat(MASK[..., None], 3, 2) * np.uint8(255))


def test_a_cmyk_frame_becomes_rgb(tmp_path):
    Image.new("CMYK", (3, 2), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    frame = io.read_frame(tmp_path / "a.jpg")
    assert frame.shape == (2, 3, 3)
    assert frame[0, 0, 0] > 200 > 50 > frame[0, 0, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_to_frame_and_size_alike(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", FRAME, exif=exif)
    upright = {  # EXIF 2.3, tag Orientation: where row 0 and column 0 are
        1: FRAME,
        2: FRAME[:, ::-1],
        3: FRAME[::-1, ::-1],
        4: FRAME[::-1],
        5: FRAME.swapaxes(0, 1),
        6: np.rot90(FRAME, -1),
        7: FRAME[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(FRAME),
    }[orientation]
    assert np.array_equal(io.read_frame(path), upright)
    assert read_size(path) == Size(*upright.shape[:2])


# --- damage


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_picture_is_an_input_error_with_its_name(tmp_path, suffix):
    whole = save(tmp_path / f"whole{suffix}", noise(40, 40, 3)).read_bytes()
    for kept in (0, 10, len(whole) // 2, len(whole) - 40):
        path = tmp_path / f"märz 1{suffix}"
        path.write_bytes(whole[:kept])
        with pytest.raises(InputError, match="märz 1"):
            io.read_frame(path)


@pytest.mark.filterwarnings("ignore")  # Pillow comments on some of the damage
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".gif", ".tif", ".webp"])
def test_random_damage_gives_a_picture_or_an_input_error(tmp_path, suffix):
    whole = np.frombuffer(save(tmp_path / f"a{suffix}", noise(12, 9, 3)).read_bytes(), np.uint8)
    rng = np.random.default_rng(1)
    path = tmp_path / f"b{suffix}"
    for _ in range(150):
        damaged = whole.copy()
        damaged[rng.integers(0, min(whole.size, 200), 3)] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        for read in (io.read_frame, io.read_mask, io.read_labels, read_size):
            try:
                read(path)
            except InputError as error:
                assert path.name in str(error)


def test_a_missing_file_a_folder_and_a_text_are_input_errors(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match=r"absent\.png.*no such file"):
        io.read_frame(tmp_path / "absent.png")
    with pytest.raises(InputError, match="a folder"):
        io.read_mask(tmp_path)
    with pytest.raises(InputError, match=r"text\.png"):
        io.read_labels(tmp_path / "text.png")


def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path):
    side = int(MAX_PIXELS**0.5) + 1
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match=r"bomb\.png.*pixels"):
        io.read_mask(tmp_path / "bomb.png")


# --- masks


@pytest.mark.parametrize("full", [1, 255])
def test_lossless_masks_of_two_values_are_foreground_above_zero(tmp_path, full):
    path = save(tmp_path / "a.png", MASK.astype(np.uint8) * np.uint8(full))
    assert np.array_equal(io.read_mask(path), MASK)


@pytest.mark.parametrize("full", [1, 255, 65535])
def test_sixteen_bit_masks_are_read(tmp_path, full):
    path = save(tmp_path / "a.png", MASK.astype(np.uint16) * np.uint16(full))
    assert np.array_equal(io.read_mask(path), MASK)


def test_a_graded_sixteen_bit_mask_is_thresholded_at_half(tmp_path):
    values = np.array([[0, 32639, 32640, 65535]], np.uint16)  # 127 * 257 = 32639
    assert io.read_mask(save(tmp_path / "a.png", values)).tolist() == [[False, False, True, True]]


def test_one_bit_masks_are_read(tmp_path):
    path = save(tmp_path / "a.png", MASK)
    assert mode(path) == "1"
    assert np.array_equal(io.read_mask(path), MASK)
    assert io.read_mask(path).view(np.uint8).max() == 1


def test_graded_masks_are_thresholded(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert io.read_mask(path).tolist() == [[False, False, True, True]]
    assert io.read_mask(path, threshold=200).tolist() == [[False, False, False, True]]


def test_an_all_zero_truth_is_empty_and_an_all_full_one_is_full(tmp_path):
    assert not io.read_mask(save(tmp_path / "a.png", np.zeros((2, 3), np.uint8))).any()
    assert io.read_mask(save(tmp_path / "b.png", np.full((2, 3), 255, np.uint8))).all()


def test_jpeg_noise_of_one_is_no_object(tmp_path):
    # Values {0, 1} in a lossless file are a mask; in a JPEG they are compression noise.
    path = save(tmp_path / "a.jpg", np.full((8, 8), 1, np.uint8), quality=100)
    with Image.open(path) as picture:
        assert np.array(picture).max() == 1
    assert not io.read_mask(path).any()


def test_the_alpha_channel_of_a_mask_is_dropped(tmp_path):
    grey = MASK.astype(np.uint8) * 255
    alpha = np.full_like(grey, 255)
    assert np.array_equal(io.read_mask(save(tmp_path / "la.png", np.dstack([grey, alpha]))), MASK)
    assert np.array_equal(
        io.read_mask(save(tmp_path / "rgba.png", np.dstack([grey, grey, grey, alpha]))), MASK
    )


@pytest.mark.parametrize("channels", [[0], [1], [2], [0, 2], [1, 2]])
def test_a_colour_mask_counts_by_its_largest_channel(tmp_path, channels):
    colour = np.zeros((2, 3, 3), np.uint8)
    colour[..., channels] = (MASK * 255)[..., None]  # as grey red is 76, blue 29
    assert np.array_equal(io.read_mask(save(tmp_path / "a.bmp", colour)), MASK)


def test_two_colours_on_black_are_both_of_the_mask(tmp_path):
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[0, 1, 1] = colours[0, 2, 2] = colours[1, 2, 0] = 255
    assert np.array_equal(io.read_mask(save(tmp_path / "a.png", colours)), MASK)


def test_a_coloured_palette_counts_by_its_indices(tmp_path):
    io.write_labels(tmp_path / "a.png", MASK.astype(np.uint8))
    assert np.array_equal(io.read_mask(tmp_path / "a.png"), MASK)


def test_a_grey_palette_counts_by_its_greys(tmp_path):
    inverted = Image.fromarray(MASK.astype(np.uint8))
    inverted.putpalette([255, 255, 255, 0, 0, 0])
    inverted.save(tmp_path / "a.png")
    assert np.array_equal(io.read_mask(tmp_path / "a.png"), ~MASK)


def test_several_objects_are_no_binary_mask(tmp_path):
    io.write_labels(tmp_path / "a.png", np.array([[0, 1, 2]], np.uint8))
    with pytest.raises(InputError, match=r"a\.png: expected one object.*\[0, 1, 2\].*as labels"):
        io.read_mask(tmp_path / "a.png")


def test_written_masks_come_back(tmp_path):
    for suffix in (".png", ".bmp"):
        io.write_mask(tmp_path / f"a{suffix}", MASK)
        assert np.array_equal(io.read_mask(tmp_path / f"a{suffix}"), MASK)


def test_masks_are_not_written_lossily_or_from_other_arrays(tmp_path):
    with pytest.raises(InputError, match=r"\.png"):
        io.write_mask(tmp_path / "a.jpg", MASK)
    with pytest.raises(InputError, match="bool"):
        io.write_mask(tmp_path / "a.png", MASK.astype(np.uint8))
    with pytest.raises(InputError, match="shape"):
        io.write_frame(tmp_path / "a.png", MASK.astype(np.uint8))
    with pytest.raises(InputError, match="suffix"):
        io.write_mask(tmp_path / "a.npy", MASK)
    assert list(tmp_path.iterdir()) == []


# --- labels


def test_labels_keep_their_ids(tmp_path):
    labels = np.array([[0, 1, 2], [7, 200, 255]], np.uint8)
    io.write_labels(tmp_path / "palette.png", labels)
    assert mode(tmp_path / "palette.png") == "P"
    assert np.array_equal(io.read_labels(tmp_path / "palette.png"), labels)
    assert np.array_equal(io.read_labels(save(tmp_path / "grey.png", labels)), labels)


@pytest.mark.parametrize("largest", [0, 1, 2, 3, 4, 15, 16])
def test_labels_of_few_objects_are_small_and_keep_their_ids(tmp_path, largest):
    labels = np.full((5, 7), largest, np.uint8)
    io.write_labels(tmp_path / "a.png", labels)
    assert np.array_equal(io.read_labels(tmp_path / "a.png"), labels)


def test_the_colours_are_those_of_davis():
    assert io.label_colours()[[0, 1, 2, 3, 4, 8, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [0, 128, 0],
        [128, 128, 0],
        [0, 0, 128],
        [64, 0, 0],
        [224, 224, 192],
    ]


def test_equal_grey_in_three_channels_is_labels_and_colours_are_not(tmp_path):
    labels = np.array([[0, 1, 2]], np.uint8)
    assert np.array_equal(io.read_labels(save(tmp_path / "a.png", np.dstack([labels] * 3))), labels)
    with pytest.raises(InputError, match="palette PNG"):
        io.read_labels(save(tmp_path / "b.png", FRAME))
    with pytest.raises(InputError, match="JPEG"):
        io.read_labels(save(tmp_path / "c.jpg", labels))


def test_sixteen_bit_labels_are_read_while_their_ids_fit(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 1, 255]], np.uint16))
    assert io.read_labels(path).tolist() == [[0, 1, 255]]
    path = save(tmp_path / "b.png", np.array([[0, 1, 256]], np.uint16))
    with pytest.raises(InputError, match="256"):
        io.read_labels(path)


# --- the disk


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        io.write_mask(tmp_path / "a.png", MASK)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_of_a_folder_is_that_of_names_and_contents(tmp_path):
    def digest(folder):
        io.write_digest(tmp_path / "digest", folder)
        return (tmp_path / "digest").read_text()

    folder = tmp_path / "masks"
    for name, text in (("a/0.png", "one"), ("a/1.png", "two"), ("b.png", "")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    known = digest(folder)
    assert len(known) == 65 and known.endswith("\n")
    shutil.copytree(folder, tmp_path / "copy")
    os.utime(tmp_path / "copy/b.png", (1, 1))
    assert digest(tmp_path / "copy") == known
    seen = {known}
    for change in (
        lambda: (folder / "a/1.png").write_text("three"),
        lambda: (folder / "b.png").rename(folder / "c.png"),
        lambda: (folder / "a/1.png").unlink(),
    ):
        change()
        seen.add(digest(folder))
    assert len(seen) == 4
