"""The data sets by name: scikit-learn's own, Fashion-MNIST and MNIST, files of the user.

Fashion-MNIST and MNIST are looked for in this order: the path that is given, or the folder in the environment
variable KURABE_DATA; the cache; the Debian package `dataset-fashion-mnist`; a download. Every file is checked against
the sha256 of its content. Nothing is ever replaced by another data set.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data import DataError, Dataset, Task, make_dataset
from model.idx import read_idx
from model.registry import Registry
from model.splitting import SCALINGS, Scaling, Split, split
from model.user_files import load_csv, load_npz

__all__ = ["DATASETS", "SCALINGS", "DataError", "Dataset", "Scaling", "Split", "Task", "load", "split"]

Loader = Callable[[Path | None, str | None, Task | None], Dataset]
DATASETS: Registry[Loader] = Registry("data set")


def load(name: str, *, path: str | None = None, target: str | None = None, task: Task | None = None) -> Dataset:
    """The data set `name`. `path` is the user's file or folder; `target` the column of a table to learn; `task` settles
    whether whole numbers are classes or values.

    Raises UnknownName for an unknown name, DataError where data are missing, damaged or unfit.
    """
    if path is not None and "\0" in path:
        raise DataError(repr(path), "a path", "a NUL character in it")
    dataset = DATASETS[name](Path(path) if path is not None else None, target, task)
    if task is not None and dataset.task != task:
        raise DataError(f"data set {name}", f"task = {dataset.task}, or none: what it is is known", f"task = {task}")
    return dataset


def _bundled(name: str, path: Path | None) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    import sklearn.datasets  # half a second, needed only here

    if path is not None:
        raise DataError(path, f"no path, since {name} comes with scikit-learn", "a path")
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    x = bunch.images if "images" in bunch else bunch.data
    return x, bunch.target, tuple(map(str, bunch.get("target_names", ())))


@DATASETS.register("digits", source="UCI, Optical Recognition of Handwritten Digits; in scikit-learn")
def digits(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """1797 images of 8 × 8, 10 classes"""
    x, y, classes = _bundled("digits", path)
    return make_dataset("digits", x, y, classes=classes)


@DATASETS.register("wine", source="UCI, Wine; in scikit-learn")
def wine(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """178 wines, 13 measurements, 3 classes"""
    x, y, classes = _bundled("wine", path)
    return make_dataset("wine", x, y, classes=classes)


@DATASETS.register("breast_cancer", source="UCI, Breast Cancer Wisconsin (Diagnostic); in scikit-learn")
def breast_cancer(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """569 tumours, 30 measurements, 2 classes"""
    x, y, classes = _bundled("breast_cancer", path)
    return make_dataset("breast_cancer", x, y, classes=classes)


@DATASETS.register("iris", source="Fisher 1936; in scikit-learn")
def iris(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """150 flowers, 4 measurements, 3 classes"""
    x, y, classes = _bundled("iris", path)
    return make_dataset("iris", x, y, classes=classes)


@DATASETS.register("diabetes", source="Efron et al. 2004; in scikit-learn")
def diabetes(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """442 patients, 10 measurements, progression of the disease (regression)"""
    x, y, _ = _bundled("diabetes", path)
    return make_dataset("diabetes", x, y, task="regression")


@dataclass(frozen=True)
class IdxSource:
    """Where the four files of an MNIST-like data set are, and what their decompressed content hashes to."""

    name: str
    sha256: tuple[str, ...]
    classes: tuple[str, ...]
    url: str
    md5: tuple[str, ...]  # of the compressed files behind the URL
    system: Path | None = None


PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FASHION_MNIST = IdxSource(
    "fashion_mnist",
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    Path("/usr/share/datasets/fashion-mnist"),
)
MNIST = IdxSource(
    "mnist",
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    tuple("0123456789"),
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
)


@DATASETS.register("fashion_mnist", source="Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747")
def fashion_mnist(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """70 000 images of clothes, 28 × 28, 10 classes; the last 10 000 are for testing"""
    return _load_idx(FASHION_MNIST, path)


@DATASETS.register("mnist", source="LeCun et al. 1998")
def mnist(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """70 000 images of handwritten digits, 28 × 28, 10 classes; the last 10 000 are for testing"""
    return _load_idx(MNIST, path)


@DATASETS.register("npz", source="a file of the user: NumPy archive with arrays x (or X), y and optionally classes")
def npz(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """Arrays of the user"""
    return load_npz(_needed("npz", path), task=task)


@DATASETS.register("csv", source="a file of the user: a table with column names and a target column")
def csv(path: Path | None, target: str | None, task: Task | None) -> Dataset:
    """A table of the user"""
    return load_csv(_needed("csv", path), target=target, task=task)


def _needed(name: str, path: Path | None) -> Path:
    if path is None:
        raise DataError(f"data set {name}", "the path of a file", "none")
    if not path.is_file():
        raise DataError(path, "a file", "a folder" if path.is_dir() else "nothing there")
    return path


def _load_idx(source: IdxSource, path: Path | None) -> Dataset:
    images, labels, test_images, test_labels = (
        read_idx(file, sha256) for file, sha256 in zip(_find(source, path), source.sha256, strict=True)
    )
    x, y = np.concatenate((images, test_images)), np.concatenate((labels, test_labels))
    return make_dataset(source.name, x, y.astype(np.int64), classes=source.classes, test_from=len(labels))


def _find(source: IdxSource, path: Path | None) -> list[Path]:
    """The four files: in the given folder and nowhere else if there is one, else in the first place that has all."""
    import pooch  # needed only here

    cache = Path(pooch.os_cache("kurabe")) / source.name
    if path is not None:
        places = [path]
    else:
        own = os.environ.get("KURABE_DATA")
        own_places = [Path(own) / source.name, Path(own) / source.name.replace("_", "-"), Path(own)] if own else []
        places = [*own_places, cache, *([source.system] if source.system else [])]
    for place in places:
        candidates = [(place / f"{part}.gz", place / part) for part in PARTS]
        files = [next((file for file in pair if file.is_file()), None) for pair in candidates]
        if all(files):
            return [file for file in files if file is not None]
    tried = [str(place) for place in places]
    if path is None:
        try:
            for part, md5 in zip(PARTS, source.md5, strict=True):
                name, downloader = f"{part}.gz", pooch.HTTPDownloader(timeout=10)
                pooch.retrieve(source.url + name, f"md5:{md5}", fname=name, path=cache, downloader=downloader)
            return [cache / f"{part}.gz" for part in PARTS]
        except (OSError, ValueError) as error:
            tried.append(f"{source.url} ({type(error).__name__}: {str(error)[:120]})")
    hint = "; apt-get install dataset-fashion-mnist puts it there" if source.system else ""
    raise DataError(
        f"data set {source.name}", f"the files {', '.join(PARTS)} (.gz or not){hint}", f"none in {'; '.join(tried)}"
    )
