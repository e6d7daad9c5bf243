"""Which sequences of a data set are used: its list, a split of it, some by name."""

import numpy as np
import pytest

from masktrack_core.datasets.protocol import with_protocol
from masktrack_core.datasets.sources import dataset_objects
from masktrack_core.errors import InputError
from masktrack_core.files.io import write_frame, write_labels


@pytest.fixture
def pets(tmp_path):
    """DAVIS-2017 with cat (objects 1, 2), cow and dog, and its lists."""
    for name, ids in (("cat", (1, 2)), ("cow", (1,)), ("dog", (1,))):
        labels = np.zeros((8, 9), np.uint8)
        for number in ids:
            labels[2 * number, 2:5] = number
        for folder in ("JPEGImages", "Annotations"):
            (tmp_path / folder / "480p" / name).mkdir(parents=True)
        write_frame(tmp_path / f"JPEGImages/480p/{name}/00000.jpg", np.zeros((8, 9, 3), np.uint8))
        write_labels(tmp_path / f"Annotations/480p/{name}/00000.png", labels)
    lists = tmp_path / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("cat\ndog\n")
    (lists / "train.txt").write_text("cow\nhen\nfox\n")
    return with_protocol({"protocol": "davis2017", "root": str(tmp_path), "only": None}, where="d")


def names(row, **keys):
    return dataset_objects("pets", row | keys)


def test_a_split_is_that_of_the_sets_own_list(pets):
    assert names(pets) == (("cat", 1), ("cat", 2), ("cow", 1), ("dog", 1))
    assert names(pets, split="val") == (("cat", 1), ("cat", 2), ("dog", 1))
    assert names(pets, split="val", only=["dog"]) == (("dog", 1),)
    assert names(pets, split="train", only=["cow"]) == (("cow", 1),)


def test_a_list_of_davis_2016_names_frames(pets, tmp_path):
    lists = tmp_path / "ImageSets" / "480p"
    lists.mkdir()
    line = "/JPEGImages/480p/cow/00000.jpg /Annotations/480p/cow/00000.png \n"
    (lists / "val.txt").write_text(2 * line)
    assert names(pets, layout="davis", split="val") == (("cow", 1),)


def test_what_a_split_or_a_table_names_and_the_disk_lacks_is_named(pets, tmp_path):
    with pytest.raises(InputError, match=r"expected frames of 3 .* of 2 there are none: hen, fox;"):
        names(pets, split="train")
    table = tmp_path / "pets.csv"
    table.write_text("sequence,object,set\ncat,1,val\nhen,1,val\nfox,1,train\n")
    with pytest.raises(InputError, match=r"pets: expected frames of 2 .* of 1 there are none: hen"):
        names(pets, table=str(table), split="val")
    assert names(pets, table=str(table), split="val", only=["cat"]) == (("cat", 1),)


def test_every_name_that_only_has_too_many_is_said(pets):
    with pytest.raises(InputError, match=r"only: unknown 2 sequences 'hen', 'cows'; there are"):
        names(pets, only=["cat", "hen", "cows"])
    with pytest.raises(
        InputError, match=r"only: unknown sequence 'cow'; there are \['cat', 'dog'\]"
    ):
        names(pets, split="val", only=["cow"])


def test_a_split_without_a_list_says_where_one_would_be(pets):
    with pytest.raises(InputError, match=r"split 'test' below .*ImageSets/2017/\{split\}.txt"):
        names(pets, split="test")


def test_a_protocol_says_what_the_row_does_not(pets):
    assert pets["layout"] == "davis2017" and pets["skip"] == ["first", "last"]
    own = with_protocol({"protocol": "lvos", "skip": ["first"]}, where="d")
    assert own["skip"] == ["first"] and own["after"] == "skipped" and own["mean"] == "seen"
    with pytest.raises(InputError, match=r"datasets.d.protocol: unknown name 'davis'; known are"):
        with_protocol({"protocol": "davis"}, where="datasets.d")
