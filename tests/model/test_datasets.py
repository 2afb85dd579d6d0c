"""Data sets: what is loaded, what is refused and how, where files are looked for."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest

from model import datasets
from model.data import make_dataset
from model.datasets import DATASETS, FASHION_MNIST, MNIST, PARTS, DataError, IdxSource, load
from model.idx import read_idx
from model.registry import UnknownName


@pytest.mark.parametrize(
    ("name", "shape", "classes", "image"),
    [
        ("digits", (1797, 64), 10, (8, 8)),
        ("wine", (178, 13), 3, None),
        ("breast_cancer", (569, 30), 2, None),
        ("iris", (150, 4), 3, None),
        ("diabetes", (442, 10), 0, None),
    ],
)
def test_bundled_data(name: str, shape: tuple[int, int], classes: int, image: tuple[int, int] | None) -> None:
    data = load(name)
    assert (data.x.shape, len(data.classes), data.image_shape) == (shape, classes, image)
    assert data.x.dtype == np.float32
    assert data.y.dtype == (np.int64 if classes else np.float32)
    assert not data.x.flags.writeable
    assert data.digest == load(name).digest
    assert len(data.digest) == 64
    assert data.task == ("classification" if classes else "regression")


def test_class_names_are_kept() -> None:
    assert load("iris").classes == ("setosa", "versicolor", "virginica")
    assert load("digits").classes == tuple("0123456789")


def test_an_unknown_data_set_is_told_what_may_have_been_meant() -> None:
    with pytest.raises(UnknownName, match=r"unknown data set 'digit'.*did you mean 'digits'"):
        load("digit")


def test_a_path_where_none_belongs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="comes with scikit-learn"):
        load("digits", path=str(tmp_path))
    with pytest.raises(DataError, match="NUL"):
        load("npz", path="a\0b")


# --- files of the user

Writer = Callable[[Path], object]
X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])


def npz(**arrays: Any) -> Writer:
    return lambda path: np.savez(path, **arrays)


def test_an_npz_file_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, X=X, y=Y, classes=np.array(["a", "b", "c"]), other=np.zeros(3))
    data = load("npz", path=str(path))
    assert (data.name, data.classes, data.task) == ("mine", ("a", "b", "c"), "classification")
    np.testing.assert_array_equal(data.x, X)
    np.savez(path, x=X.reshape(6, 2, 1), y=np.array(["dog", "cat"] * 3))
    data = load("npz", path=str(path))
    assert (data.classes, data.image_shape, data.y.tolist()) == (("cat", "dog"), (2, 1), [1, 0] * 3)
    np.savez(path, x=X, y=Y + 0.5)
    assert load("npz", path=str(path)).task == "regression"
    np.savez(path, x=X, y=Y * 1.0)
    assert load("npz", path=str(path), task="regression").task == "regression"
    assert load("npz", path=str(path), task="classification").y.dtype == np.int64
    np.savez(path, x=X, y=Y * 10 - 5)
    assert load("npz", path=str(path)).classes == ("-5", "5", "15")


def single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, X)


BAD_NPZ: list[tuple[Writer, str, str]] = [
    (npz(x=X), "arrays x .or X. and y", "arrays x"),
    (npz(x=np.where(X == 3, np.nan, X), y=Y), "finite numbers in x", "1 NaN or infinite, first in row 1"),
    (npz(x=np.where(X == 3, np.inf, X), y=Y), "finite numbers in x", "1 NaN"),
    (npz(x=X * 1e300, y=Y), "float32", "larger"),
    (npz(x=X, y=Y[:5]), "x of shape", r"x of shape \(6, 2\) and y of shape \(5,\)"),
    (npz(x=X[:, 0], y=Y), "x of shape", r"\(6,\)"),
    (npz(x=np.zeros((6, 2, 2, 2)), y=Y), "x of shape", r"\(6, 2, 2, 2\)"),
    (npz(x=np.zeros((0, 2)), y=Y[:0]), "x of shape", r"\(0, 2\)"),
    (npz(x=np.zeros((6, 0)), y=Y), "x of shape", r"\(6, 0\)"),
    (npz(x=np.array([["a", "b"]] * 6), y=Y), "numbers in x", "<U1"),
    (npz(x=X + 1j, y=Y), "numbers in x", "complex"),
    (npz(x=X, y=Y * 0), "at least 2 classes", r"only \[0\]"),
    (npz(x=X, y=Y * 1.0), "integers for classes, or task = .* in .data.", "whole numbers as float64"),
    (npz(x=X, y=np.where(Y == 1, np.nan, Y + 0.5)), "finite numbers in y", "2 NaN"),
    (npz(x=X, y=np.full(6, 0.5)), "different values in y", "only 0.5"),
    (npz(x=X, y=Y, classes=np.array(["a", "b"])), "labels from 0 to 1", r"\[0, 2\]"),
    (npz(x=X, y=np.array([0, 1, None] * 2, dtype=object)), "plain arrays", "pickle"),
    (lambda path: path.write_bytes(b"not a zip"), "an .npz archive", "ValueError|UnpicklingError"),
    (lambda path: path.write_bytes(b""), "an .npz archive", "EOFError"),
    (single_array, "an .npz archive with arrays", "a single array"),
]


@pytest.mark.parametrize(("write", "expected", "got"), BAD_NPZ)
def test_an_npz_file_that_cannot_be_used_is_refused(tmp_path: Path, write: Writer, expected: str, got: str) -> None:
    path = tmp_path / "mine.npz"
    write(path)
    with pytest.raises(DataError, match=f"mine.npz: expected .*{expected}.*got .*({got})"):
        load("npz", path=str(path))


def test_a_truncated_or_corrupted_npz_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(600, 20)), y=np.arange(600) % 3)
    whole = path.read_bytes()
    for damaged in (whole[:-300], whole[:2000], whole[:3000] + bytes([whole[3000] ^ 255]) + whole[3001:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"mine.npz"):
            load("npz", path=str(path))


def test_nothing_in_a_file_is_unpickled(tmp_path: Path) -> None:
    """An archive whose member would create a file when it is unpickled."""
    path, planted = tmp_path / "mine.npz", tmp_path / "planted"
    code = f"cbuiltins\nopen\n(V{planted}\nVw\ntR.".encode()
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header + code)
        archive.writestr("y.npy", header + code)
    with pytest.raises(DataError, match="pickle"):
        load("npz", path=str(path))
    assert not planted.exists()


def test_missing_files_are_named(tmp_path: Path) -> None:
    for name in ("npz", "csv"):
        with pytest.raises(DataError, match="expected the path of a file, got none"):
            load(name)
        with pytest.raises(DataError, match="nothing there"):
            load(name, path=str(tmp_path / "no"))
        with pytest.raises(DataError, match="a folder"):
            load(name, path=str(tmp_path))


def test_a_table_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("\ufefflength,kind,width\n1.5,cat,2\n2.5,dog,3\n\n1,cat,-4e-1\n", encoding="utf-8")
    data = load("csv", path=str(path), target="kind")
    assert (data.name, data.classes, data.y.tolist()) == ("table", ("cat", "dog"), [0, 1, 0])
    np.testing.assert_allclose(data.x, [[1.5, 2], [2.5, 3], [1, -0.4]])
    path.write_text("a,y\n1,0.5\n2,1.5\n3,2.5\n")
    assert load("csv", path=str(path)).task == "regression"
    path.write_text("a,class\n1,10\n2,20\n3,10\n")
    assert load("csv", path=str(path)).classes == ("10", "20")
    assert load("csv", path=str(path), task="regression").y.tolist() == [10.0, 20.0, 10.0]


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("", None, "a line of column names"),
        ("a,y\n", None, "a line of column names and lines of values"),
        ("a,b\n1,2\n", None, "one column named 'target' or"),
        ("a,b\n1,2\n", "c", "one column named 'c' to learn, got columns a, b"),
        ("y,y\n1,2\n", "y", "one column named 'y'"),
        ("a,y\n1,0\n2\n", None, r"table.csv:3: expected 2 values, got 1"),
        ("a,b,y\n1,2,0\n1,two,1\n", None, r"table.csv:3: expected a number in column 'b', got 'two'"),
        ("a,y\n1,0\nnan,1\n", None, "finite numbers in x"),
        ("a,y\n1,0\n1,0\n", None, "at least 2 classes"),
        ('a,y\n"1,0\n', None, "a readable table"),
        ("y\n1\n0\n", None, "x of shape"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, target: str | None, expected: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=expected):
        load("csv", path=str(path), target=target)


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 10)
    with pytest.raises(DataError, match=r"table.csv: expected a readable table in UTF-8"):
        load("csv", path=str(path))


def test_the_digest_covers_everything() -> None:
    base = make_dataset("a", X, Y)
    variants = [
        make_dataset("a", X + 1, Y),
        make_dataset("a", X, Y[::-1]),
        make_dataset("a", X, Y, classes=("a", "b", "c")),
        make_dataset("a", X.reshape(6, 2, 1), Y),
        make_dataset("a", X, Y, task="regression"),
        make_dataset("a", X, Y, test_from=4),
    ]
    assert len({base.digest, *(data.digest for data in variants)}) == 1 + len(variants)
    assert make_dataset("b", X.copy(), Y.copy()).digest == base.digest


# --- IDX files


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def test_idx_files_are_read_plain_and_gzipped(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    plain, packed = tmp_path / "a", tmp_path / "a.gz"
    plain.write_bytes(idx_bytes(array))
    packed.write_bytes(gzip.compress(idx_bytes(array)))
    digest = hashlib.sha256(idx_bytes(array)).hexdigest()
    for path in (plain, packed):
        np.testing.assert_array_equal(read_idx(path, digest), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with b''"),
        (b"\0\0\x0d\x01\0\0\0\x01\0", "IDX file of unsigned bytes"),
        (b"\0\0\x08\x03\0\0\0\x02", "a header of 16 bytes, got 8 bytes"),
        (idx_bytes(np.zeros((2, 3)))[:-1], r"6 bytes for shape \(2, 3\), got 5"),
        (idx_bytes(np.zeros((2, 3))) + b"x", "got 7"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, *[2**32 - 1] * 3), "got 0"),
        (gzip.compress(b"x" * 1000)[:-20], "a readable IDX file, got EOFError"),
        (gzip.compress(b"x" * 1000)[:20] + b"\x55" * 40, "a readable IDX file"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"images-idx3-ubyte: expected .*{message}"):
        read_idx(path)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[IdxSource, Callable[[Path], None]]:
    """A data set of four small IDX files, and a function that writes them into a folder."""
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 255, (40, 3, 3)),
        np.arange(40) % 10,
        rng.integers(0, 255, (20, 3, 3)),
        np.arange(20) % 10,
    ]
    contents = [idx_bytes(array) for array in arrays]
    source = IdxSource(
        "fashion_mnist",
        tuple(hashlib.sha256(content).hexdigest() for content in contents),
        FASHION_MNIST.classes,
        "https://example.invalid/",
        FASHION_MNIST.md5,
        tmp_path / "system",
    )
    monkeypatch.setattr(datasets, "FASHION_MNIST", source)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    monkeypatch.delenv("KURABE_DATA", raising=False)

    def refuse(*arguments: Any, **others: Any) -> None:
        raise OSError("no network in this test")

    monkeypatch.setattr(pooch, "retrieve", refuse)

    def write(folder: Path) -> None:
        folder.mkdir(parents=True)
        for part, content in zip(PARTS, contents, strict=True):
            (folder / f"{part}.gz").write_bytes(gzip.compress(content))

    return source, write


def test_files_are_looked_for_in_order(
    small: tuple[IdxSource, Callable[[Path], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, write = small
    places = [tmp_path / "system", tmp_path / "cache" / "fashion_mnist", tmp_path / "own" / "fashion-mnist"]
    monkeypatch.setenv("KURABE_DATA", str(tmp_path / "own"))
    for place in places:
        write(place)
        assert datasets._find(datasets.FASHION_MNIST, None)[0].parent == place
    write(tmp_path / "given")
    data = load("fashion_mnist", path=str(tmp_path / "given"))
    assert (data.x.shape, data.test_from, data.image_shape) == ((60, 9), 40, (3, 3))
    with pytest.raises(DataError, match=r"none in .*empty$"):  # a given path is never replaced by another place
        load("fashion_mnist", path=str(tmp_path / "empty"))


def test_all_places_are_named_when_there_is_nothing(
    small: tuple[IdxSource, Callable[[Path], None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KURABE_DATA", str(tmp_path / "own"))
    with pytest.raises(DataError) as caught:
        load("fashion_mnist")
    for place in ("own/fashion_mnist", "own/fashion-mnist", "cache/fashion_mnist", "system", "no network in this test"):
        assert place in str(caught.value)
    assert "apt-get install dataset-fashion-mnist" in str(caught.value)


def test_a_file_with_another_checksum_is_never_trained_on(
    small: tuple[IdxSource, Callable[[Path], None]], tmp_path: Path
) -> None:
    source, write = small
    write(tmp_path / "system")
    images = tmp_path / "system" / f"{PARTS[0]}.gz"
    content = bytearray(gzip.decompress(images.read_bytes()))
    content[100] ^= 1
    images.write_bytes(gzip.compress(bytes(content)))
    actual = hashlib.sha256(bytes(content)).hexdigest()
    with pytest.raises(DataError, match=f"{PARTS[0]}.gz: expected sha256 {source.sha256[0]} .*got {actual}"):
        load("fashion_mnist")


def test_the_real_fashion_mnist() -> None:
    try:
        data = load("fashion_mnist")
    except DataError as error:
        pytest.skip(f"Fashion-MNIST is not here: {error}")
    assert (data.x.shape, data.test_from) == ((70_000, 784), 60_000)
    assert np.bincount(data.y).tolist() == [7000] * 10
    assert data.classes[9] == "Ankle boot"


def test_sources_are_complete() -> None:
    for source in (FASHION_MNIST, MNIST):
        assert len(set(source.sha256)) == len(set(source.md5)) == len(PARTS)
        assert {len(digest) for digest in source.sha256} == {64}
        assert len(source.classes) == 10
    for entry in DATASETS:
        assert entry.doc
        assert entry.source


def test_the_user_says_what_whole_numbers_are_but_not_what_a_known_data_set_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("a,y\n" + "".join(f"{row},{row % 3}.0\n" for row in range(12)))
    values = load("csv", path=str(path), target="y", task="regression")
    classes = load("csv", path=str(path), target="y", task="classification")
    assert (values.task, values.classes, values.y.dtype.name) == ("regression", (), "float32")
    assert (classes.task, len(classes.classes), sorted(set(classes.y.tolist()))) == ("classification", 3, [0, 1, 2])
    assert values.digest != classes.digest
    with pytest.raises(
        DataError, match=r"diabetes: expected task = regression, or none: .*, got task = classification"
    ):
        load("diabetes", task="classification")
