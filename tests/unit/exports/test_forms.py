"""Each form is read back by its own reader, and holds what the masks and probabilities say."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as oracle

from masktrack_core.arrays import Size
from masktrack_core.commands import segment
from masktrack_core.datasets.coco import read_coco, run_lengths, segmentation_mask
from masktrack_core.datasets.video_files import Clip
from masktrack_core.exports.coco import run_lengths_of, run_text
from masktrack_core.exports.contours import polygons_of
from masktrack_core.exports.cutout import cut_out, edge_alpha
from masktrack_core.exports.followed import Followed
from masktrack_core.exports.forms import FORMS, expected_bytes, export
from masktrack_core.files.archives import frame_key
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.io import write_frame
from masktrack_core.masks.elementary import dilate

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = Size(48, 64)
COUNT = 7


def soft_disk(x, y, radius):
    """A disk whose probability falls from 1 to 0 over eight pixels."""
    rows, columns = np.mgrid[:48, :64]
    distance = radius - np.hypot(columns - x, rows - y)
    return np.round((distance / 8 + 0.5).clip(0, 1) * 255).astype(np.float32) / np.float32(255)


@pytest.fixture
def followed(tmp_path):
    """Two objects that meet; the second is gone in frame 3."""
    for t in range(COUNT):
        frame = np.full((*SIZE, 3), 40, np.uint8)
        frame[:, :, 0] = np.arange(64) * 3
        write_frame(tmp_path / "frames" / f"{t + 10}.png", frame)
    one = {frame_key(t): soft_disk(18 + 2 * t, 22, 11) for t in range(COUNT)}
    two = {frame_key(t): soft_disk(44, 26, 9) * np.float32(t != 3) for t in range(COUNT)}
    clip = Clip(tmp_path / "frames")
    return Followed(clip=clip, tracks={1: one, 4: two}, others={1: {}, 4: {}})


def test_the_options_of_the_command_are_the_table():
    assert set(segment.EXPORTS) == set(FORMS)


def test_coco_comes_back_to_the_pixel_by_our_reader_and_by_pycocotools(followed, tmp_path):
    export("coco", tmp_path / "out.json", followed)
    coco = read_coco(tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    images = {image["id"]: image["file_name"] for image in content["images"]}
    assert [*images.values()] == [f"{t + 10}.png" for t in range(COUNT)]
    assert len(content["annotations"]) == 2 * COUNT - 1
    for t in range(COUNT):
        for label, mask in followed.masks(t).items():
            assert np.array_equal(coco.mask(tmp_path / "frames" / f"{t + 10}.png", label), mask)
    for entry in content["annotations"]:
        t = [*images].index(entry["image_id"])
        mask = oracle.decode(entry["segmentation"]).astype(bool)
        assert np.array_equal(mask, followed.masks(t)[entry["track_id"]])
        assert entry["area"] == mask.sum()
        assert entry["bbox"] == oracle.toBbox(entry["segmentation"]).tolist()


def test_run_lengths_are_those_of_pycocotools():
    rng = np.random.default_rng(0)
    for share in (0.0, 0.02, 0.5, 0.98, 1.0):
        mask = rng.random((37, 41)) < share
        expected = oracle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
        assert run_lengths_of(mask) == {"size": [37, 41], "counts": expected}
    long = [0, 2**25, 5, 2**25 - 1, 40]
    assert run_lengths(run_text(long)) == long


def test_contours_are_polygons_that_give_the_masks_to_a_pixel(followed, tmp_path):
    export("contours", tmp_path / "out.json", followed)
    coco = read_coco(tmp_path / "out.json")
    polygons = [
        entry["segmentation"]
        for entry in json.loads((tmp_path / "out.json").read_text())["annotations"]
    ]
    assert max(len(one) for parts in polygons for one in parts) < 2 * 40  # a person can move them
    for t in range(COUNT):
        for label, mask in followed.masks(t).items():
            came = coco.mask(tmp_path / "frames" / f"{t + 10}.png", label)
            near = dilate(mask, 1.5) & dilate(~mask, 1.5)
            assert not (came & ~mask & ~near).any() and not (mask & ~came & ~near).any()
            assert 2 * (came & mask).sum() >= 0.9 * (came.sum() + mask.sum())
            if label == 4 and t == 3:
                assert not came.any()


@pytest.mark.parametrize("seed", range(4))
def test_polygons_without_tolerance_give_the_mask_to_the_pixel_holes_and_all(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((12, 15)) < 0.6
    assert np.array_equal(segmentation_mask(polygons_of(mask, tolerance=0), Size(12, 15)), mask)
    ring = np.ones((12, 15), np.bool_)
    ring[3:6, 4:9] = ring[8:10, 2:5] = False
    (outline,) = polygons_of(ring)
    assert np.array_equal(segmentation_mask([outline], Size(12, 15)), ring)
    runs = oracle.frPyObjects([outline], 12, 15)
    assert np.array_equal(oracle.decode(runs)[..., 0].astype(bool), ring)


def test_alpha_is_an_edge_of_a_pixel_where_the_probability_is_one_half():
    """A straight edge at x = 20.25, soft over eight pixels: its pixel is a quarter inside."""
    prob = ((20.25 - np.arange(40)) / 8 + 0.5).clip(0, 1).astype(np.float32)[None].repeat(5, 0)
    alpha = edge_alpha(prob, threshold=0.5)
    assert np.allclose(alpha[2, 18:23], [1, 1, 0.75, 0, 0], atol=0.01)
    rng = np.random.default_rng(0)
    for threshold in (0.5, 0.6):
        prob = rng.integers(0, 256, (30, 40)).astype(np.float32) / np.float32(255)
        cut = cut_out(np.zeros((30, 40, 3), np.uint8), prob, threshold=threshold, kept=0)
        assert np.array_equal(cut[..., 3] > 127, prob > np.float32(threshold))


def test_an_unsure_inside_is_no_veil():
    prob = np.full((20, 20), 0.6, np.float32)
    assert (edge_alpha(prob, threshold=0.5) == 1).all()


def test_a_cutout_folder_has_the_colours_where_something_is_seen(followed, tmp_path):
    export("cutout", tmp_path / "cut", followed)
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == [
        f"{t + 10}.png" for t in range(COUNT)
    ]
    for t in range(COUNT):
        cut = np.asarray(Image.open(tmp_path / "cut" / f"{t + 10}.png"))
        seen = cut[..., 3] > 0
        assert np.array_equal(cut[..., 3] > 127, followed.labels(t) > 0)
        assert np.array_equal(cut[seen, :3], followed.clip[t][seen])
        assert not cut[~seen].any()
        assert len(np.unique(cut[..., 3])) > 5  # edges are neither 0 nor 255


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_a_cutout_film_has_alpha_and_the_times_of_the_clip(followed, tmp_path, suffix):
    times = [Fraction(t, 10) for t in (0, 1, 2, 5, 9, 10, 11)]
    frames = [followed.clip[t] for t in range(COUNT)]
    write_video(tmp_path / "clip.mp4", frames, rate=10, times=times)
    clip = Clip(tmp_path / "clip.mp4")
    given = Followed(clip=clip, tracks=followed.tracks, others=followed.others)
    path = tmp_path / f"cut{suffix}"
    export("cutout", path, given)
    assert np.abs(np.array(VideoFile(path).times, float) - np.array(times, float)).max() < 0.001
    with av.open(str(path)) as film:
        stream = film.streams.video[0].codec_context
        codec = av.CodecContext.create("libvpx-vp9" if suffix == ".webm" else "prores", "r")
        codec.extradata, codec.codec_tag = stream.extradata, stream.codec_tag
        packets = [*film.demux(video=0)]
        came = [frame for packet in packets if packet.size for frame in codec.decode(packet)]
        came += codec.decode(None)
    assert len(came) == COUNT
    for t in range(COUNT):
        alpha = came[t].to_ndarray(format="rgba")[..., 3].astype(int)
        expected = np.maximum.reduce([*given.probs(t).values()])
        assert np.abs(alpha - 255 * edge_alpha(expected, threshold=0.5)).mean() < 4


def test_probabilities_are_a_folder_an_object(followed, tmp_path):
    export("probs", tmp_path / "probs", followed)
    assert sorted(path.name for path in (tmp_path / "probs").iterdir()) == ["1", "4"]
    for t in range(COUNT):
        for label, prob in followed.probs(t).items():
            grey = np.asarray(Image.open(tmp_path / "probs" / str(label) / f"{t + 10}.png"))
            assert np.array_equal(grey, np.round(prob * 255))


def test_pixels_that_an_annotation_gives_to_another_are_in_no_form(followed, tmp_path):
    taken = np.zeros(SIZE, np.bool_)
    taken[:, :20] = True
    given = Followed(clip=followed.clip, tracks=followed.tracks, others={1: {0: taken}, 4: {}})
    assert not given.masks(0)[1][:, :20].any() and given.masks(1)[1][:, :20].any()
    assert not given.probs(0)[1][taken].any()


def test_the_size_is_told_before(followed, tmp_path, caplog):
    caplog.set_level("INFO")
    for kind, name in (("coco", "a.json"), ("cutout", "cut"), ("probs", "p")):
        expected = expected_bytes(kind, tmp_path / name, followed)
        export(kind, tmp_path / name, followed)
        path = tmp_path / name
        files = [path] if path.is_file() else [*path.rglob("*.png")]
        assert 0.7 < expected / sum(file.stat().st_size for file in files) < 1.4
        assert f"{path}: {kind}, about {expected / 1e6:.1f} MB; " in caplog.text


def test_a_form_that_breaks_off_leaves_nothing(followed, tmp_path):
    def breaks():
        yield 0
        raise KeyboardInterrupt

    for kind, name in (("coco", "a.json"), ("contours", "b.json"), ("cutout", "c.webm")):
        with pytest.raises(KeyboardInterrupt):
            FORMS[kind].write(tmp_path / name, followed, breaks())
    for kind in ("cutout", "probs"):
        with pytest.raises(KeyboardInterrupt):
            FORMS[kind].write(tmp_path / "folder", followed, breaks())
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]
