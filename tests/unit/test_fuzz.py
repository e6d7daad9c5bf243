"""Thousands of damaged files: every reader answers, or raises InputError and nothing else."""

import io as memory
import json
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from pycocotools import mask as oracle

from masktrack_core.arrays import Size
from masktrack_core.datasets.checks import check_path, read_config
from masktrack_core.datasets.coco import read_coco, segmentation_mask
from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.object_masks import read_objects
from masktrack_core.datasets.sources import read_sequences
from masktrack_core.datasets.truth_files import read_truth
from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import read_usage
from masktrack_core.files import io
from masktrack_core.files.archives import MaskArchive, write_mask_archive
from masktrack_core.files.decoding import read_size
from masktrack_core.files.film_reader import VideoFile
from masktrack_core.files.film_writer import write_video
from masktrack_core.files.tensors import read_tensors, write_tensors
from masktrack_core.files.unpacking import UnpackLimits, unpack
from masktrack_core.measures.metrics import region_similarity
from masktrack_core.measures.scoring import score
from masktrack_core.networks.network import NetworkSpec, build_network
from masktrack_core.networks.weights import load_network, save_weights
from masktrack_core.tables import INDEX
from masktrack_core.training.state import read_state, write_state

pytestmark = pytest.mark.filterwarnings("ignore")  # packages comment on some of the damage

SMALL = UnpackLimits(max_bytes=2**20, max_members=50)


def mutants(whole, count, *, seed):
    """Yield damaged copies: bytes changed (near the start more often), cut, doubled, swapped."""
    rng = np.random.default_rng(seed)
    whole = np.frombuffer(whole, np.uint8)
    for number in range(count):
        damaged = whole.copy()
        reach = damaged.size if number % 2 else min(damaged.size, 120)
        damaged[rng.integers(0, reach, rng.integers(1, 6))] = rng.integers(0, 256)
        start, end = sorted(rng.integers(0, damaged.size, 2))
        parts = {
            0: [damaged[:end]],
            1: [damaged[:start], damaged[end:]],
            2: [damaged[:end], damaged[start:]],
        }
        yield np.concatenate(parts.get(int(rng.integers(0, 6)), [damaged])).tobytes()


def survives(path, whole, readers, count, *, seed=1):
    """Return how many answers and how many errors came; anything but InputError fails."""
    answers = errors = 0
    for damaged in mutants(whole, count, seed=seed):
        path.write_bytes(damaged)
        for read in readers:
            try:
                read(path)
                answers += 1
            except InputError as error:
                assert "\n" not in str(error)[:60] and len(str(error)) > 20
                errors += 1
    assert errors, "no mutant was noticed"
    return answers + errors


def picture_bytes(mode, suffix, **options):
    values = np.random.default_rng(3).integers(0, 4, (11, 13, 3) if mode == "RGB" else (11, 13))
    picture = Image.fromarray(values.astype(np.uint16 if mode == "I;16" else np.uint8))
    if mode == "P":
        picture.putpalette(io.label_colours()[:4].tobytes())
    file = memory.BytesIO()
    picture.save(file, suffix, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("RGB", "PNG"),
        ("P", "PNG"),
        ("L", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "JPEG"),
        ("L", "BMP"),
        ("P", "GIF"),
        ("RGB", "TIFF"),
        ("RGB", "WEBP"),
        ("RGB", "PPM"),
    ],
)
def test_pictures(tmp_path, mode, suffix):
    readers = (io.read_frame, io.read_mask, io.read_labels, read_size, read_objects)
    path = tmp_path / f"a.{suffix.lower()}"
    assert survives(path, picture_bytes(mode, suffix), readers, 200) == 1000


# --- no silent change of an answer

#: Mutants of each kind of mask file; docs/reliability.md has the figures of more.
MASKS = int(os.environ.get("MASKTRACK_MUTANTS", "60"))


def drawn_masks():
    """Return picture and format of each kind of mask file: two objects, or one."""
    labels = np.zeros((20, 24), np.uint8)
    labels[2:9, 3:12], labels[11:18, 8:20] = 1, 2
    mask, palette = np.where(labels > 0, 255, 0).astype(np.uint8), Image.fromarray(labels)
    palette.putpalette(io.label_colours()[:4].tobytes())
    soft = cv2.GaussianBlur(mask, (0, 0), 1)
    noise = np.random.default_rng(4).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    return {
        "palette": (palette, "PNG"),
        "gif": (palette, "GIF"),
        "greys": (Image.fromarray(labels), "PNG"),
        "mask": (Image.fromarray(mask), "PNG"),
        "1-bit": (Image.fromarray(mask > 0), "PNG"),
        "16-bit": (Image.fromarray((labels + 1000 * (labels > 0)).astype(np.uint16)), "PNG"),
        "colour": (Image.fromarray(np.dstack([mask // 2, 0 * mask, 0 * mask])), "BMP"),
        "cutout": (Image.fromarray(np.dstack([noise, mask])), "PNG"),
        "soft": (Image.fromarray(soft), "TIFF"),
        "plain": (Image.fromarray(mask), "PPM"),
        "lossless": (Image.fromarray(np.dstack([mask] * 3)), "WEBP"),
        "lossy": (Image.fromarray(mask), "JPEG"),
    }


DRAWN = drawn_masks()


def plain_objects(path):
    """Return the objects of a mask file as a person would read it, with Pillow alone."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image)
        palette = np.reshape(image.getpalette() or [], (-1, 3))
        coloured = bool((palette != palette[:, :1]).any())
        transparent = np.array(image.convert("RGBA"))[..., 3] if "A" in image.mode else None
        values = np.array(image if coloured or image.mode[0] in "I1" else image.convert("RGB"))
    grey = (values.max(axis=2) if values.ndim == 3 else values) * 1
    ids = np.unique(grey[grey > 0]).tolist()
    if transparent is not None and np.ptp(transparent):
        return {1: transparent > 127}
    if ids and max(ids) > 1000 and grey.dtype.itemsize > 1:
        return {i % 1000: grey == i for i in ids if i != 10000}
    flat = values.ndim == 2 or not np.ptp(values, axis=2).any()
    if flat and (coloured or max(ids, default=0) < 32):
        return {i: grey == i for i in ids if i != 255} or {1: grey == 255}
    return {1: grey > (0 if len(ids) < 2 else grey.max() / 2)}


def sealed(png):
    """Return a PNG whose chunks have right checksums again, so that damage is not just noticed."""
    whole, at = bytearray(png), 8
    while at + 12 <= len(whole):
        end = at + 8 + int.from_bytes(whole[at : at + 4], "big")
        if end + 4 > len(whole):
            break
        whole[end : end + 4] = zlib.crc32(whole[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(whole)


def repainted(picture, form, rng):
    """Return a sound file in which a few pixels have other values."""
    values = np.array(picture)
    for _ in range(rng.integers(1, 4)):
        y, x, height, width = (int(rng.integers(0, 20)) for _ in range(4))
        values[y : y + height, x : x + width] = rng.integers(0, 2 if picture.mode == "1" else 256)
    painted = Image.fromarray(values)
    if picture.mode == "P":
        painted.putpalette(io.label_colours().tobytes())
    file = memory.BytesIO()
    painted.save(file, form)
    return file.getvalue()


def changed_masks(name, count):
    """Yield files of one kind of mask: damaged, damaged with right checksums, and painted over."""
    (picture, form), rng = DRAWN[name], np.random.default_rng(7)
    file = memory.BytesIO()
    picture.save(file, form, **({"lossless": True} if form == "WEBP" else {}))
    for number, damaged in enumerate(mutants(file.getvalue(), count, seed=8)):
        if number % 3 == 2 and form != "JPEG":
            yield repainted(picture, form, rng)
        else:
            yield sealed(damaged) if number % 3 and form == "PNG" else damaged


def same(objects, others):
    return objects.keys() == others.keys() and all(
        np.array_equal(objects[label], others[label]) for label in objects
    )


@pytest.mark.parametrize("name", DRAWN)
def test_a_changed_mask_is_an_error_or_what_a_plain_reader_finds(tmp_path, name):
    decoded = 0
    for changed in changed_masks(name, MASKS):
        path = tmp_path / f"mask.{DRAWN[name][1].lower()}"
        path.write_bytes(changed)
        try:
            objects = read_objects(path)
        except InputError as error:
            assert "\n" not in str(error) and "Traceback" not in str(error)
            continue
        decoded += 1
        assert same(objects, {k: m for k, m in plain_objects(path).items() if m.any()}), changed
    assert decoded, "no changed mask was readable"


@pytest.fixture
def tiny_set(tmp_path):
    """A DAVIS-like set of one sequence of three frames, and results that are its truth."""
    truth = np.zeros((20, 24), np.bool_)
    truth[2:9, 3:12] = True
    for t in range(3):
        frame = np.full((20, 24, 3), 40 * t, np.uint8)
        io.write_frame(tmp_path / "set" / "JPEGImages" / "480p" / "a" / f"{t}.jpg", frame)
        io.write_mask(tmp_path / "set" / "Annotations" / "480p" / "a" / f"{t}.png", truth)
        io.write_mask(tmp_path / "masks" / "a" / f"{t}.png", truth)
    return tmp_path, truth


@pytest.mark.parametrize("name", [name for name, (_, form) in DRAWN.items() if form == "PNG"])
def test_a_changed_result_is_an_error_or_scored_as_what_a_plain_reader_finds(tiny_set, name):
    root, truth = tiny_set
    for changed in changed_masks(name, MASKS // 3):
        path = root / "masks" / "a" / "1.png"
        path.write_bytes(changed)
        try:
            (scored,) = score(root / "set", root / "masks", temporal="none")
        except InputError as error:
            assert "1.png" in str(error)
            continue
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)
            alpha = np.array(image.convert("RGBA"))[..., 3]
            values = np.array(image if image.mode[0] in "IP1" else image.convert("RGB")) * 1
        grey = values.max(axis=2) if values.ndim == 3 else values
        few = np.unique(grey).size == 1 or (np.unique(grey).size == 2 and not grey.min())
        plain = grey > (0 if few and grey.max() in (1, 255, 65535) else grey.max() / 2)
        found = alpha > 127 if np.ptp(alpha) else plain
        assert scored.j.tolist() == [region_similarity(found[None], truth[None])[0]], changed


@pytest.mark.parametrize("name", [name for name, (_, form) in DRAWN.items() if form == "PNG"])
def test_a_changed_truth_is_a_problem_or_read_like_by_a_plain_reader(tiny_set, name):
    root, _ = tiny_set
    refused = 0
    for changed in changed_masks(name, MASKS // 3):
        path = root / "set" / "Annotations" / "480p" / "a" / "1.png"
        path.write_bytes(changed)
        problems = [*check_path(root / "set")]
        assert all("\n" not in problem and "1.png" in problem for problem in problems)
        if problems:
            refused += 1
            continue
        found = {1: read_truth(path, "binary", 1, frame=path)}
        plain = {n: mask for n, mask in plain_objects(path).items() if mask.any()}
        assert same(found if found[1].any() else {}, plain), changed
    assert refused < MASKS // 3 or name != "1-bit"  # others get a second meaning


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one good file of every other kind."""
    folder = tmp_path_factory.mktemp("good")
    mask = np.eye(9, dtype=np.bool_)
    write_mask_archive(folder / "masks.zip", [("a", mask), ("b/c", ~mask)])
    with (
        tarfile.open(folder / "a.tar.gz", "w:gz") as tar,
        tarfile.open(folder / "a.tar", "w") as t2,
    ):
        for archive in (tar, t2):
            archive.add(folder / "masks.zip", "set/masks.zip")
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "masks.zip", "set/masks.zip")
    network = build_network(
        NetworkSpec(backbone="slim", head="decoder"), generator=torch.Generator().manual_seed(0)
    )
    save_weights(folder / "network.safetensors", network, {"usage": "{}"}, half=True)
    write_tensors(folder / "a.safetensors", {"x": torch.ones(3, 2)}, {"k": "v"})
    np.savez(folder / "a.npz", x=np.ones((3, 2)))
    torch.save({"x": torch.ones(3, 2)}, folder / "a.pth")
    frames = [np.full((16, 32, 3), 9 * t, np.uint8) for t in range(5)]
    write_video(folder / "a.mp4", frames, rate=25)
    write_video(folder / "a.avi", frames, rate=25)
    (folder / "a.csv").write_text("sequence,object,set\nbear,1,val\ncow,2,train\n")
    io.write_frame(folder / "s/x/1.png", frames[0])
    io.write_table(
        folder / "index.csv", index_video(folder, {"frames": "s/{sequence}/*.png"}, "x", [1]), INDEX
    )
    square = [1, 1, 6, 1, 6, 6, 1, 6]
    runs = {"size": [8, 9], "counts": oracle.encode(np.eye(8, 9, dtype=np.uint8, order="F"))}
    runs["counts"] = runs["counts"]["counts"].decode()
    annotations = [
        {"image_id": 1, "track_id": 1, "segmentation": [square]},
        {"image_id": 1, "track_id": 2, "segmentation": runs},
    ]
    images = [{"id": 1, "file_name": "0.jpg", "height": 8, "width": 9}]
    coco = {"images": images, "annotations": annotations}
    (folder / "coco.json").write_text(json.dumps(coco))
    write_state(
        folder / "a.state", {"digest": "x", "iteration": 1, "network": {"w": torch.ones(9)}}
    )
    (folder / "a.yaml").write_text("datasets:\n  a: {layout: davis, root: x, only: [b, 'c']}\n")
    return folder


def test_archives_of_data(tmp_path, folder):
    def unpacked(path):
        into = tmp_path / "into"
        try:
            unpack(path, into, limits=SMALL)
        finally:
            for file in sorted(tmp_path.rglob("into/**/*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
            if into.exists():
                into.rmdir()

    tried = sum(
        survives(tmp_path / "b", (folder / name).read_bytes(), [unpacked], 250)
        for name in ("a.tar", "a.tar.gz", "a.zip")
    )
    assert tried == 750
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_archives_of_masks(tmp_path, folder):
    def read(path):
        archive = MaskArchive(path)
        return [archive[name] for name in archive]

    assert survives(tmp_path / "m.zip", (folder / "masks.zip").read_bytes(), [read], 400) == 400


def test_weights_of_every_kind(tmp_path, folder):
    tried = sum(
        survives(tmp_path / name, (folder / name).read_bytes(), [read_tensors], 300)
        for name in ("a.safetensors", "a.npz", "a.pth")
    )
    assert tried == 900


def test_networks(tmp_path, folder):
    def read(path):
        return read_usage(load_network(path)[1])

    whole = (folder / "network.safetensors").read_bytes()
    assert survives(tmp_path / "n.safetensors", whole, [read], 120) == 120


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_videos(tmp_path, folder, name):
    def read(path):
        video = VideoFile(path)
        return [video[t] for t in range(min(len(video), 8))]

    assert survives(tmp_path / name, (folder / name).read_bytes(), [read], 120) == 120


def test_tables_and_configurations(tmp_path, folder):
    readers = {
        "a.csv": lambda path: read_sequences(str(path)),
        "index.csv": lambda path: io.read_table(path, INDEX),
        "a.yaml": read_config,
    }
    tried = sum(
        survives(tmp_path / name, (folder / name).read_bytes(), [read], 300)
        for name, read in readers.items()
    )
    assert tried == 900


def test_cocos_json(tmp_path, folder):
    def read(path):
        coco = read_coco(path)
        return [coco.mask(Path("clips/0.jpg"), label) for label in (1, 2)]

    assert survives(tmp_path / "c.json", (folder / "coco.json").read_bytes(), [read], 600) == 600


def test_segmentations_of_any_numbers_and_texts():
    """Where the file is sound and only what describes the pixels is not."""
    rng = np.random.default_rng(5)
    for number in range(600):
        counts = rng.integers(-5, 300, rng.integers(0, 9)).tolist()
        text = "".join(map(chr, rng.integers(45, 115, rng.integers(0, 12))))
        polygon = (rng.normal(0, 10.0 ** rng.integers(0, 12), rng.integers(4, 12))).tolist()
        given = [{"size": [8, 9], "counts": counts}, {"size": [8, 9], "counts": text}, [polygon]]
        try:
            assert segmentation_mask(given[number % 3], Size(8, 9)).shape == (8, 9)
        except ValueError as error:
            assert str(error)


def test_states_of_trainings(tmp_path, folder):
    """A damaged one is passed over with a warning: never an error, never another's numbers."""
    whole = read_state(folder / "a.state", "x")
    for damaged in mutants((folder / "a.state").read_bytes(), 200, seed=2):
        (tmp_path / "s").write_bytes(damaged)
        try:
            state = read_state(tmp_path / "s", "x")
        except InputError:
            continue
        assert state is None or torch.equal(state["network"]["w"], whole["network"]["w"])


def test_a_configuration_runs_no_code(tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "evil.yaml"
    path.write_text(f"!!python/object/apply:os.system ['touch {marker}']")
    with pytest.raises(InputError, match="expected a YAML file"):
        read_config(path)
    assert not marker.exists()


def test_a_playlist_is_not_a_video(tmp_path):
    """FFmpeg would open the files and addresses that it names."""
    secret = tmp_path / "secret.mp4"
    write_video(secret, [np.zeros((16, 16, 3), np.uint8)] * 3, rate=25)
    path = tmp_path / "clip.mp4"
    for text in (f"#EXTM3U\n#EXTINF:1,\n{secret}\n", f"ffconcat version 1.0\nfile '{secret}'\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="expected a video"):
            VideoFile(path)
    assert cv2.VideoCapture(str(secret)).isOpened()
