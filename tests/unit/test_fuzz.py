"""Thousands of damaged files: every reader answers, or raises InputError and nothing else."""

import io as memory
import json
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as oracle

from masktrack_core.arrays import Size
from masktrack_core.datasets.checks import read_config
from masktrack_core.datasets.coco import read_coco, segmentation_mask
from masktrack_core.datasets.index import index_video
from masktrack_core.datasets.object_masks import read_objects
from masktrack_core.datasets.sources import read_sequences
from masktrack_core.datasets.video_files import VideoFile, write_video
from masktrack_core.errors import InputError
from masktrack_core.experiment.usage import read_usage
from masktrack_core.files import io
from masktrack_core.files.archives import MaskArchive, write_mask_archive
from masktrack_core.files.decoding import read_size
from masktrack_core.files.tensors import read_tensors, write_tensors
from masktrack_core.files.unpacking import UnpackLimits, unpack
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
        with pytest.raises(InputError, match="begins otherwise"):
            VideoFile(path)
    assert cv2.VideoCapture(str(secret)).isOpened()
