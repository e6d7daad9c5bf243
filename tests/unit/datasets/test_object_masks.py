"""What a person's mask file means: its objects, or a refusal in true words."""

import cv2
import numpy as np
import pytest
from PIL import Image

from masktrack_core.datasets.object_masks import NAMELESS, read_found, read_objects
from masktrack_core.errors import InputError
from masktrack_core.files import io

DAVIS = io.label_colours()


def save(path, values, palette=None, **options):
    picture = Image.fromarray(np.asarray(values))
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path, **options)
    return path


def areas(path, values=None):
    return {label: int(mask.sum()) for label, mask in read_objects(path, values).items()}


def drawing(*values, dtype=np.uint8):
    """Return a picture of 40 x 60 with a square of 8 x 8 for each value, on 0."""
    drawn = np.zeros((40, 60), dtype)
    for place, value in enumerate(values):
        row, column = 2 + 12 * (place // 5), 2 + 11 * (place % 5)
        drawn[row : row + 8, column : column + 8] = value
    return drawn


# --- the inputs of shared/inputs/masks

SQUARES = dict.fromkeys(range(1, 8), 1600)
#: Name → what is read without a word of the person, or the words of the refusal.
GIVEN = {
    "grey_100_200.png": "greys 100, 200, which could be an object each (--mask-values labels), or "
    "one object above half of the largest (--mask-values binary)",
    "grey_38_75.png": "colours of DAVIS' palette that became grey (--mask-values palette)",
    "grey_times50.png": "greys 50, 100, 150, 200, 250, which could be an object each",
    "pal7_cv2grey.png": "colours of DAVIS' palette that became grey (--mask-values palette)",
    "labels_jpeg.jpg": "got colours in a lossy picture (JPEG), which keeps no exact ones",
    "rgb_2obj.png": "got 3 colours, which could be the objects of DAVIS' palette",
    "u16_1001_1002.png": {1: 1600, 2: 1600},
    "rgba_white_alpha.png": {1: 12264},
    "rgba_cutout.png": {1: 12264},
    "rgb_davis_id8.png": {1: 12264},
    "pal7.png": SQUARES,
    "pal_1_5.png": {1: 12264, 5: 3500},
    "pal_void.png": {1: 12264},
    "inverted.png": {1: 89976},
}
#: (Name, what the person says) → what is read then.
CHOSEN = {
    ("grey_100_200.png", "labels"): {100: 12264, 200: 3500},
    ("grey_100_200.png", "binary"): {1: 3500},
    ("grey_38_75.png", "palette"): {1: 12264, 2: 3500},
    ("grey_38_75.png", "labels"): {38: 12264, 75: 3500},
    ("grey_times50.png", "labels"): {50 * number: 1600 for number in range(1, 6)},
    ("pal7_cv2grey.png", "palette"): SQUARES,
    ("labels_jpeg.jpg", "labels"): "got a lossy one; save them as a palette PNG",
    (
        "labels_jpeg.jpg",
        "palette",
    ): "got a lossy one; save objects as a palette PNG",
    ("rgb_2obj.png", "palette"): {1: 12264, 5: 3500},
    ("rgb_2obj.png", "binary"): {1: 15764},
    ("rgb_davis_id8.png", "palette"): {8: 12264},
    ("inverted.png", "labels"): "beside 255, which is void, got [255] alone",
    ("pal_void.png", "binary"): {1: 12264},
}


def test_a_1_bit_picture_is_a_mask_of_one_object_without_an_id(tmp_path):
    mask = np.zeros((9, 14), np.bool_)
    mask[2:5, 3:9] = True
    Image.fromarray(mask).save(tmp_path / "bits.png")
    Image.fromarray(mask * np.uint8(255)).save(tmp_path / "bytes.png")
    Image.fromarray(mask[:2]).save(tmp_path / "empty.png")
    for name in ("bits", "bytes"):
        found = read_found(tmp_path / f"{name}.png")
        assert list(found) == [NAMELESS]
        np.testing.assert_array_equal(found[NAMELESS], mask)
    assert read_found(tmp_path / "empty.png") == {}


@pytest.mark.parametrize(
    ("name", "values", "right"),
    [(name, None, right) for name, right in GIVEN.items()]
    + [(*key, right) for key, right in CHOSEN.items()],
)
def test_every_given_mask_is_read_right_or_refused_truthfully(inputs, name, values, right):
    if isinstance(right, dict):
        assert areas(inputs / "masks" / name, values) == right
    else:
        with pytest.raises(InputError) as refusal:
            read_objects(inputs / "masks" / name, values)
        assert right in str(refusal.value) and name in str(refusal.value)


def test_no_given_mask_is_forgotten(inputs):
    assert {path.name for path in (inputs / "masks").iterdir()} == set(GIVEN)


# --- the same kinds, made here


def test_black_and_one_grey_are_one_object_and_a_small_grey_is_its_id(tmp_path):
    for value, label in ((1, 1), (2, 2), (31, 31), (32, 1), (128, 1), (255, 1)):
        objects = read_objects(save(tmp_path / "a.png", np.uint8([[0, value], [value, 0]])))
        assert list(objects) == [label]
        assert objects[label].tolist() == [[False, True], [True, False]]


def test_palettes_and_small_greys_are_labels(tmp_path):
    values = np.uint8([[0, 3], [1, 3]])
    for palette in (DAVIS.tobytes(), None):
        assert areas(save(tmp_path / "a.png", values, palette)) == {1: 1, 3: 2}
    void = np.uint8([[0, 3], [255, 3]])
    assert areas(save(tmp_path / "a.png", void, DAVIS.tobytes())) == {3: 2}
    alone = np.uint8([[0, 255], [0, 0]])
    assert areas(save(tmp_path / "a.png", alone, DAVIS.tobytes())) == {1: 1}


@pytest.mark.parametrize("count", [2, 7, 8, 12, 31])
def test_a_label_picture_of_many_objects_has_them_all(tmp_path, count):
    values = np.arange(count + 1, dtype=np.uint8).repeat(2)[None].repeat(3, axis=0)
    expected = dict.fromkeys(range(1, count + 1), 6)
    for palette in (DAVIS.tobytes(), None):
        assert areas(save(tmp_path / "a.png", values, palette)) == expected
    assert areas(save(tmp_path / "a.png", values), "labels") == expected


@pytest.mark.parametrize("count", [2, 7, 8, 12, 15])
def test_a_palette_of_many_objects_that_became_grey_has_them_all(tmp_path, count):
    values = np.arange(count + 1, dtype=np.uint8).repeat(2)[None].repeat(3, axis=0)
    greys = np.rint(DAVIS.reshape(-1, 3)[values] @ [0.299, 0.587, 0.114]).astype(np.uint8)
    expected = dict.fromkeys(range(1, count + 1), 6)
    assert areas(save(tmp_path / "a.png", greys), "palette") == expected


def test_a_palette_whose_black_is_not_index_0_is_refused(tmp_path):
    """As editors save one red object: the most frequent colour, or the brightest, comes first."""
    path = save(tmp_path / "a.png", drawing(1), [255, 0, 0, 0, 0, 0])
    with pytest.raises(InputError, match=r"black is index 1 and not 0.*--mask-values palette"):
        read_objects(path)
    assert areas(path, "palette") == {1: 64}
    assert areas(path, "binary") == {1: 40 * 60 - 64}


@pytest.mark.parametrize(
    "greys", [(3, 255), (100, 200), (3, 100, 255), (64, 128, 192), tuple(range(20, 260, 20))]
)
def test_greys_of_several_meanings_are_refused_and_each_can_be_chosen(tmp_path, greys):
    path = save(tmp_path / "a.png", drawing(*greys))
    with pytest.raises(InputError, match=r"--mask-values labels.*--mask-values binary"):
        read_objects(path)
    assert areas(path, "labels") == {grey: 64 for grey in greys if grey != 255}
    bright = sum(64 for grey in greys if grey > max(greys) / 2)
    assert areas(path, "binary") == {1: bright}


def test_small_objects_of_several_greys_are_refused_too(tmp_path):
    for values in ([[0, 100], [200, 0]], [[0, 3], [255, 3]], [[0, 128], [255, 0]], [[1, 2]]):
        with pytest.raises(InputError, match="which could be"):
            read_objects(save(tmp_path / "a.png", np.uint8(values)))


@pytest.mark.parametrize("library", ["Pillow", "OpenCV"])
def test_a_palette_that_became_grey_is_found_again_where_a_person_says_so(tmp_path, library):
    colours = DAVIS[drawing(*range(1, 16))]
    grey = (
        np.array(Image.fromarray(colours).convert("L"))
        if library == "Pillow"
        else cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    )
    path = save(tmp_path / "a.png", grey)
    with pytest.raises(InputError, match=r"became grey \(--mask-values palette\)"):
        read_objects(path)
    assert areas(path, "palette") == dict.fromkeys(range(1, 16), 64)
    assert areas(save(tmp_path / "b.png", colours), "palette") == dict.fromkeys(range(1, 16), 64)
    with pytest.raises(InputError, match="16 colours, which could be the objects of DAVIS"):
        read_objects(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"expected colours of DAVIS' palette.*got others"):
        read_objects(save(tmp_path / "c.png", drawing(200)), "palette")


def test_sixteen_bit_ids_are_labels_and_those_of_mots_count_by_their_instance(tmp_path):
    def read(*ids):
        return areas(save(tmp_path / "a.png", drawing(*ids, dtype=np.uint16)))

    assert read(1, 2, 7) == {1: 64, 2: 64, 7: 64}
    assert read(65535) == {1: 64}
    assert read(1001, 2002) == {1: 64, 2: 64}
    assert read(2003) == {3: 64}
    assert read(1001, 10000) == {1: 64}
    for ids in ((1001, 2001), (1000, 1001), (1001, 1300)):
        with pytest.raises(InputError, match=r"ids of MOTS.*number the objects from 1"):
            read(*ids)
    with pytest.raises(InputError, match="greys 257, 514, which could be one object above half"):
        read(257, 514)


def test_one_colour_on_black_is_one_object_however_dark_and_others_are_refused(tmp_path):
    for colour in ((64, 0, 0), (0, 128, 0), (255, 255, 0), (1, 0, 0)):
        assert areas(save(tmp_path / "a.png", drawing(1)[..., None] * np.uint8(colour))) == {1: 64}
    white_ground = np.full((40, 60, 3), 255, np.uint8)
    white_ground[drawing(1) > 0] = (255, 0, 0)
    with pytest.raises(InputError, match="got 2 colours"):
        read_objects(save(tmp_path / "a.png", white_ground))


def test_soft_edges_of_one_object_are_cut_at_half(tmp_path):
    disk = cv2.circle(np.zeros((60, 80), np.uint8), (40, 30), 20, 255, -1)
    soft = cv2.GaussianBlur(disk, (0, 0), 2.5)
    halved = cv2.resize(disk, (40, 30), interpolation=cv2.INTER_AREA)
    few = halved // 64 * 64 + halved // 255 * 63  # 0, 64, 128, 192, 255
    for grey in (soft, halved, few):
        assert areas(save(tmp_path / "a.png", grey)) == {1: int((grey > 127).sum())}
    red = np.dstack([soft, np.zeros_like(soft), np.zeros_like(soft)])
    assert areas(save(tmp_path / "a.png", red)) == {1: int((soft > 127).sum())}
    assert areas(save(tmp_path / "a.png", np.zeros((3, 3), np.uint8))) == {}


def test_a_photograph_is_no_mask_with_soft_edges(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (40, 60))
    gradient = np.linspace(0, 255, 2400).reshape(40, 60)
    for grey in (np.uint8(noise), np.uint8(gradient), np.uint16(257 * noise)):
        with pytest.raises(InputError, match="one object above half of the largest"):
            read_objects(save(tmp_path / "a.png", grey))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_mask_survives_compression_and_labels_do_not(tmp_path, suffix):
    disk = cv2.circle(np.zeros((60, 80), np.uint8), (40, 30), 20, 255, -1)
    objects = read_objects(save(tmp_path / f"a{suffix}", disk, quality=90))
    assert (objects[1] != (disk > 0)).mean() < 0.005
    for values in (drawing(1, 2, 3), drawing(50, 100, 150, 200, 250), drawing(120, 255)):
        with pytest.raises(InputError, match="lossy"):
            read_objects(save(tmp_path / f"a{suffix}", values, quality=95))
    with pytest.raises(InputError, match="lossy"):
        read_objects(save(tmp_path / f"a{suffix}", DAVIS[drawing(1, 2)], quality=95))


def test_the_object_of_a_transparent_picture_is_what_is_opaque(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    opaque = drawing(255)
    white, black = np.full_like(noise, 255), np.zeros_like(noise)
    for colours in (noise, white, black):
        path = save(tmp_path / "a.png", np.dstack([colours, opaque]))
        assert areas(path) == {1: 64}
        assert np.array_equal(io.read_mask(path), opaque > 0)
    save(tmp_path / "a.png", np.dstack([white[..., 0], opaque]))
    assert areas(tmp_path / "a.png") == {1: 64}
    Image.fromarray(opaque).save(tmp_path / "b.png", transparency=0)
    assert areas(tmp_path / "b.png") == {1: 64}


def test_colours_and_transparency_that_disagree_are_refused(tmp_path):
    opaque = drawing(255)
    halves = np.zeros((40, 60, 3), np.uint8)
    halves[:, :5] = 255
    for read in (read_objects, io.read_mask):
        with pytest.raises(InputError, match="by its colours or by its transparency, got both"):
            read(save(tmp_path / "a.png", np.dstack([halves, opaque])))
        with pytest.raises(InputError, match="transparent everywhere"):
            read(save(tmp_path / "a.png", np.dstack([halves, 0 * opaque])))


def test_labels_whose_background_is_transparent_stay_labels(tmp_path):
    save(tmp_path / "a.png", drawing(1, 2), DAVIS.tobytes(), transparency=0)
    assert areas(tmp_path / "a.png") == {1: 64, 2: 64}


def test_an_opaque_picture_with_alpha_is_read_as_one_without(tmp_path):
    for opacity in (255, 200):
        alpha = np.full((40, 60), opacity, np.uint8)
        assert areas(save(tmp_path / "a.png", np.dstack([drawing(255), alpha]))) == {1: 64}
