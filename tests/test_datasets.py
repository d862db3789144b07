import io
import logging
import pickle
import sys
import tarfile

import numpy as np
import pytest
import torch

from skccem import CrowdLabels, datasets
from skccem import _published as published
from skccem._fetching import Remote, find_or_download

FETCHERS = [
    datasets.fetch_labelme,
    datasets.fetch_music,
    datasets.fetch_sentiment,
    datasets.fetch_cifar10n,
]
CIFAR10_FILES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


class Bomb:
    """A pickle of it runs code when it is loaded."""

    def __reduce__(self):
        return exec, ("raise SystemError('a pickle was executed')",)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_tar(path, contents, prefix=""):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def unpack(home, contents):
    for name, content in contents.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)


def crowd_arrays(*parts, n_features, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {"annotations": rng.integers(-1, n_classes, size=(6, 3), dtype=np.int16)}
    for part in parts:
        arrays[f"X_{part}"] = rng.normal(size=(6, n_features)).astype(np.float32)
        arrays[f"y_{part}"] = rng.integers(n_classes, size=6)
    return arrays


def labelme_files(rng):
    files = {"answers": np.array([[0.0, -1.0], [7.0, 3.0], [-1.0, -1.0]])}
    for part in ("train", "valid", "test"):
        files[f"data_{part}_vgg16"] = rng.normal(size=(3, 4, 4, 5)).astype(np.float32)
        files[f"labels_{part}"] = np.array([0.0, 7.0, 2.0])
    return files


def as_members(files):
    return {f"LabelMe/prepared/{name}.npy": npy(a) for name, a in files.items()}


@pytest.fixture
def mturk():
    """The files of mturk-datasets.tar.gz, two or three items each."""
    music = "music_genre_classification/"
    sentiment = "sentiment_polarity/"
    texts = {
        music + "music_genre_gold.csv": (
            "id,f1,f2,class\nrock.1,1.5,-2e3,rock\nblues.7,0,3,blues\n"
        ),
        music + "music_genre_test.csv": "id,f1,f2,class\npop.2,4,5,pop\n",
        music + "music_genre_mturk.csv": (
            "id,annotator,f1,f2,class\nblues.7,A2,0,3,jazz\nrock.1,A1,1.5,-2e3,rock\n"
            "blues.7,A1,0,3,pop\nblues.7,A1,0,3,blues\n"
        ),
        sentiment + "mturk_answers.csv": (
            "WorkerId,Input.id,Input.original_sentence,Input.true_sent,Answer.sent\n"
            'W2,11,"dull, and ""long""",neg,neg\nW1,10,great fun,pos,pos\n'
            'W1,11,"dull, and ""long""",neg,pos\n'
        ),
        sentiment + "polarity_gold_lsa_topics.csv": (
            "id,t0,t1,t2,class\n10,0.1,0.2,0.3,pos\n11,1,2,3,neg\n"
        ),
    }
    return {name: text.encode() for name, text in texts.items()}


def cifar10n_files(rng, n_images=50):
    """Images, classes, answers, and the published files that hold them."""
    images = rng.integers(256, size=(n_images + 10, 32, 32, 3), dtype=np.uint8)
    classes = rng.integers(10, size=n_images + 10)
    pixels = images.transpose(0, 3, 1, 2).reshape(n_images + 10, -1)
    records = np.column_stack([classes.astype(np.uint8), pixels])
    batches = np.split(records, 6)
    members = {
        f"cifar-10-batches-bin/{name}": batch.tobytes()
        for name, batch in zip(CIFAR10_FILES, batches, strict=True)
    }
    answers = rng.integers(10, size=(n_images, 3))
    labels = {"clean_label": classes[:n_images], "aggre_label": answers[:, 0]}
    labels |= {f"random_label{j + 1}": answers[:, j] for j in range(3)}
    times = ",Work-time-in-seconds-"
    header = f"Image-batch,Worker1-id{times}1,Worker2-id{times}2,Worker3-id{times}3"
    rows = [f"{i}--{i + 9},{i},20,{i + 1},25,7,30" for i in range(0, n_images, 10)]
    # The order of the batches carries no meaning.
    members["side_info_cifar10N.csv"] = "\n".join([header, *rows[::-1]]).encode()
    return images, classes, answers, labels, members


@pytest.fixture
def cifar10n(tmp_path):
    made = cifar10n_files(np.random.default_rng(0))
    unpack(tmp_path, made[-1])
    torch.save(made[-2], tmp_path / "CIFAR-10_human.pt")
    return made


@pytest.fixture
def downloads(monkeypatch):
    """Calls of pooch.retrieve, which writes b"content"."""
    pooch = pytest.importorskip("pooch")
    calls = []

    def retrieve(url, known_hash, fname, path):
        calls.append((url, known_hash))
        path.mkdir(parents=True, exist_ok=True)
        (path / fname).write_bytes(b"content")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    return calls


def test_data_home_is_the_argument_then_the_variable_then_the_home_directory(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SKCCEM_DATA", str(tmp_path / "variable"))
    assert datasets.get_data_home(tmp_path / "argument") == tmp_path / "argument"
    assert datasets.get_data_home("~/crowds") == tmp_path / "crowds"
    assert datasets.get_data_home() == tmp_path / "variable"
    monkeypatch.delenv("SKCCEM_DATA")
    assert datasets.get_data_home() == tmp_path / "skccem_data"
    assert list(tmp_path.iterdir()) == []


def test_labelme_npz_is_returned_as_it_is(tmp_path):
    arrays = crowd_arrays("train", "valid", "test", n_features=4, n_classes=8)
    np.savez(tmp_path / "labelme.npz", **arrays)
    bunch = datasets.fetch_labelme(data_home=tmp_path, download_if_missing=False)
    for part, suffix in [("train", ""), ("valid", "_valid"), ("test", "_test")]:
        np.testing.assert_array_equal(bunch[f"data{suffix}"], arrays[f"X_{part}"])
        np.testing.assert_array_equal(bunch[f"target{suffix}"], arrays[f"y_{part}"])
    np.testing.assert_array_equal(np.asarray(bunch.labels), arrays["annotations"])
    assert bunch.labels.classes.tolist() == list(range(8))
    assert bunch.target_names[4] == "forest"


def test_music_npz_with_pickled_class_names_is_read_without_unpickling(tmp_path):
    arrays = crowd_arrays("train", "test", n_features=4, n_classes=10)
    classes = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / "music.npz", classes=classes, **arrays)
    bunch = datasets.fetch_music(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.data, arrays["X_train"])
    np.testing.assert_array_equal(bunch.target_test, arrays["y_test"])
    assert bunch.target_names[:2] == ["blues", "classical"]
    assert "data_valid" not in bunch


def test_an_npz_with_pickled_features_is_refused(tmp_path):
    arrays = crowd_arrays("train", "test", n_features=4, n_classes=10)
    arrays["X_test"] = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / "music.npz", **arrays)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        datasets.fetch_music(data_home=tmp_path)


@pytest.mark.parametrize("content", [b"text", npy(np.zeros(3))])
def test_what_is_no_npz_is_an_error(tmp_path, content):
    (tmp_path / "music.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"to be an archive of numpy\.savez"):
        datasets.fetch_music(data_home=tmp_path)


def test_an_npz_without_a_part_names_it(tmp_path):
    arrays = crowd_arrays("train", "test", n_features=4, n_classes=8)
    np.savez(tmp_path / "labelme.npz", **arrays)
    with pytest.raises(ValueError, match="got no X_valid, y_valid"):
        datasets.fetch_labelme(data_home=tmp_path)


def test_an_npz_with_a_broken_member_names_itself(tmp_path):
    path = tmp_path / "music.npz"
    np.savez(path, **crowd_arrays("train", "test", n_features=400, n_classes=10))
    content = bytearray(path.read_bytes())
    start = content.index(b"X_train.npy") + 1000
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"music\.npz to be .*Bad CRC.* fetch again"):
        datasets.fetch_music(data_home=tmp_path)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("annotations", lambda a: a[:5], "all arrays of the part train, got 5 and 6"),
        ("y_train", lambda a: a[:5], "the part train, got 6 and 6 and 5"),
        ("X_test", lambda a: a[:5], "the part test, got 5 and 6"),
        ("annotations", lambda a: a + 8, r"0 to 7 in annotations, got also \[8,"),
        ("annotations", lambda a: a[0], "have labels as annotations"),
        (
            "annotations",
            lambda a: np.where(a < 0, "", "forest"),
            r"got also \[.*'forest'",
        ),
        ("y_valid", lambda a: a + 8, "classes from 0 to 7 in y_valid"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_an_error_that_names_the_file(
    tmp_path, key, change, message
):
    arrays = crowd_arrays("train", "valid", "test", n_features=4, n_classes=8)
    arrays["annotations"][0] = 7
    arrays[key] = change(arrays[key])
    np.savez(tmp_path / "labelme.npz", **arrays)
    for return_X_Y in (False, True):
        with pytest.raises(ValueError, match=message) as caught:
            datasets.fetch_labelme(data_home=tmp_path, return_X_Y=return_X_Y)
        assert str(tmp_path / "labelme.npz") in str(caught.value)
        assert "Delete the file and fetch again" in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "./"])
def test_published_labelme_is_averaged_over_the_positions_of_the_image(
    tmp_path, prefix
):
    files = labelme_files(np.random.default_rng(0))
    write_tar(tmp_path / "deep_LabelMe.tar.gz", as_members(files), prefix)
    bunch = datasets.fetch_labelme(data_home=tmp_path, download_if_missing=False)
    for part, suffix in [("train", ""), ("valid", "_valid"), ("test", "_test")]:
        pixels = files[f"data_{part}_vgg16"].reshape(3, 16, 5)
        pooled = sum(pixels[:, j] for j in range(16)) / 16
        np.testing.assert_allclose(bunch[f"data{suffix}"], pooled, atol=1e-6)
        assert bunch[f"target{suffix}"].tolist() == [0, 7, 2]
        assert bunch[f"target{suffix}"].dtype == np.int64
    assert np.asarray(bunch.labels).tolist() == [[0, -1], [7, 3], [-1, -1]]
    assert "CrowdLabels(3 items, 2 annotators" in bunch.DESCR


def test_published_labelme_with_flat_features_is_an_error(tmp_path):
    files = labelme_files(np.random.default_rng(0))
    files["data_valid_vgg16"] = np.zeros((3, 80))
    unpack(tmp_path, as_members(files))
    with pytest.raises(ValueError, match=r"data_valid_vgg16.npy, got \(3, 80\)"):
        datasets.fetch_labelme(data_home=tmp_path)


def test_published_labelme_with_pickles_is_refused(tmp_path):
    files = labelme_files(np.random.default_rng(0))
    files["answers"] = np.array([Bomb()], dtype=object)
    unpack(tmp_path, as_members(files))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        datasets.fetch_labelme(data_home=tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("answers", b"junk"),
        ("labels_valid", npy(np.zeros(3))[:-1]),
        ("labels_test", npy(np.array(["a", "b", "c"]))),
        ("answers", npy(np.full((3, 2), np.nan))),
        ("answers", npy(np.full((3, 2), 1.5))),
        ("answers", npy(np.full((3, 2), 2**16 + 1))),
    ],
)
def test_a_broken_array_of_published_labelme_is_an_error_that_names_it(
    tmp_path, name, content
):
    members = as_members(labelme_files(np.random.default_rng(0)))
    members[f"LabelMe/prepared/{name}.npy"] = content
    unpack(tmp_path, members)
    with pytest.raises(ValueError, match=rf"{name}\.npy in .* fetch again"):
        datasets.fetch_labelme(data_home=tmp_path)


def test_published_labelme_with_labels_of_other_items_is_an_error(tmp_path):
    files = labelme_files(np.random.default_rng(0))
    files["answers"] = files["answers"][:2]
    unpack(tmp_path, as_members(files))
    with pytest.raises(ValueError, match=r"files of LabelMe in .*, got 2 and 3 and 3"):
        datasets.fetch_labelme(data_home=tmp_path)


@pytest.mark.parametrize("unpacked", [True, False])
def test_published_music_has_items_in_the_order_of_their_features(
    tmp_path, mturk, unpacked
):
    if unpacked:
        unpack(tmp_path, mturk)
    else:
        write_tar(tmp_path / "mturk-datasets.tar.gz", mturk)
    bunch = datasets.fetch_music(data_home=tmp_path, download_if_missing=False)
    assert bunch.data.tolist() == [[1.5, -2000.0], [0.0, 3.0]]
    assert bunch.data.dtype == np.float32
    assert [bunch.target_names[k] for k in bunch.target] == ["rock", "blues"]
    assert bunch.data_test.tolist() == [[4.0, 5.0]]
    assert [bunch.target_names[k] for k in bunch.target_test] == ["pop"]
    assert bunch.labels.items.tolist() == ["rock.1", "blues.7"]
    assert bunch.labels.annotators.tolist() == ["A1", "A2"]
    # A1 labelled blues.7 twice: the last label counts.
    rock, blues, jazz = map(bunch.target_names.index, ["rock", "blues", "jazz"])
    assert np.asarray(bunch.labels).tolist() == [[rock, -1], [blues, jazz]]


def test_published_sentiment_has_labels_and_sentences_of_its_features(tmp_path, mturk):
    unpack(tmp_path, mturk)
    bunch = datasets.fetch_sentiment(data_home=tmp_path, download_if_missing=False)
    np.testing.assert_allclose(bunch.data, [[0.1, 0.2, 0.3], [1, 2, 3]])
    assert bunch.target.tolist() == [1, 0]
    assert bunch.target_names == ["neg", "pos"]
    assert bunch.sentences == ["great fun", 'dull, and "long"']
    assert bunch.labels.annotators.tolist() == ["W1", "W2"]
    assert np.asarray(bunch.labels).tolist() == [[1, -1], [1, 0]]


def test_an_archive_that_ends_after_what_is_needed_is_read(tmp_path, mturk):
    path = tmp_path / "mturk-datasets.tar.gz"
    noise = np.random.default_rng(0).bytes(200_000)
    write_tar(path, mturk | {"further": noise})
    path.write_bytes(path.read_bytes()[:-100_000])
    assert datasets.fetch_sentiment(data_home=tmp_path).labels.n_labels == 3


def test_an_archive_that_ends_before_what_is_needed_is_an_error(tmp_path, mturk):
    path = tmp_path / "mturk-datasets.tar.gz"
    noise = np.random.default_rng(0).bytes(200_000)
    write_tar(path, {"earlier": noise} | mturk)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(OSError, match=r"Expected sentiment_polarity/mturk_answers.csv"):
        datasets.fetch_sentiment(data_home=tmp_path)


def test_an_archive_without_a_file_names_it(tmp_path, mturk):
    del mturk["music_genre_classification/music_genre_test.csv"]
    write_tar(tmp_path / "mturk-datasets.tar.gz", mturk)
    with pytest.raises(OSError, match=r"music_genre_test\.csv in .* not in it"):
        datasets.fetch_music(data_home=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Answer.sent", b"answer", "got no Answer.sent"),
        (b"neg,neg", b"neg", "got rows of other lengths"),
        (b"pos,pos", b"pos,good", "got also good"),
        (b"W1,10", b"W1,12", "features, got: .*12"),
        (b"great", b"gr\xff\xfe", "comma-separated values in UTF-8"),
        (b"great", b"g" * 200_000, "comma-separated values in UTF-8"),
    ],
)
def test_a_table_of_another_form_is_an_error(tmp_path, mturk, old, new, message):
    name = "sentiment_polarity/mturk_answers.csv"
    mturk[name] = mturk[name].replace(old, new)
    unpack(tmp_path, mturk)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.fetch_sentiment(data_home=tmp_path)
    assert "mturk_answers.csv" in str(caught.value)


def test_features_that_are_no_numbers_are_an_error_that_names_the_file(tmp_path, mturk):
    name = "music_genre_classification/music_genre_gold.csv"
    mturk[name] = mturk[name].replace(b"1.5", b"loud")
    unpack(tmp_path, mturk)
    with pytest.raises(
        ValueError, match=r"music_genre_gold.csv to have numbers .*loud"
    ):
        datasets.fetch_music(data_home=tmp_path)


def test_features_with_other_outer_columns_are_an_error(tmp_path, mturk):
    name = "music_genre_classification/music_genre_gold.csv"
    mturk[name] = b"class,id,f1\nrock,rock.1,1.5\n"
    unpack(tmp_path, mturk)
    with pytest.raises(ValueError, match="got class and f1"):
        datasets.fetch_music(data_home=tmp_path)


@pytest.mark.parametrize("unpacked", [True, False])
def test_cifar10n_has_images_with_the_labels_of_the_workers_of_their_batch(
    tmp_path, cifar10n, unpacked
):
    images, classes, answers, _, members = cifar10n
    if not unpacked:
        for name in CIFAR10_FILES:
            (tmp_path / "cifar-10-batches-bin" / name).unlink()
        write_tar(tmp_path / "cifar-10-binary.tar.gz", members)
    bunch = datasets.fetch_cifar10n(data_home=tmp_path, download_if_missing=False)
    np.testing.assert_array_equal(bunch.data, images[:50])
    np.testing.assert_array_equal(bunch.data_test, images[50:])
    np.testing.assert_array_equal(bunch.target, classes[:50])
    np.testing.assert_array_equal(bunch.target_test, classes[50:])
    dense, annotators = np.asarray(bunch.labels), bunch.labels.annotators.tolist()
    expected = np.full((50, len(annotators)), -1)
    for i in range(50):
        first = 10 * (i // 10)
        for worker, answer in zip([first, first + 1, 7], answers[i], strict=True):
            expected[i, annotators.index(worker)] = answer
    np.testing.assert_array_equal(dense, expected)
    assert bunch.labels.n_classes == 10


def test_cifar10n_keeps_the_first_label_of_a_worker_named_twice(tmp_path, cifar10n):
    path = tmp_path / "side_info_cifar10N.csv"
    path.write_text(path.read_text().replace(",25,7,30", ",25,0,30"))
    bunch = datasets.fetch_cifar10n(data_home=tmp_path)
    zero = bunch.labels.annotators.tolist().index(0)
    answers = cifar10n[2]
    np.testing.assert_array_equal(np.asarray(bunch.labels)[:10, zero], answers[:10, 0])
    assert bunch.labels.n_labels == 50 * 3 - 10


@pytest.mark.parametrize("zipped", [True, False])
def test_cifar10n_reads_label_files_of_either_numpy_and_either_torch_format(
    tmp_path, cifar10n, zipped
):
    path = tmp_path / "CIFAR-10_human.pt"
    torch.save(cifar10n[3], path, _use_new_zipfile_serialization=zipped)
    if not zipped:
        # NumPy 1 and 2 name the function that rebuilds an array differently.
        content = path.read_bytes()
        names = b"numpy._core.multiarray", b"numpy.core.multiarray"
        old, new = names if names[0] in content else names[::-1]
        path.write_bytes(content.replace(old, new))
    bunch = datasets.fetch_cifar10n(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.target, cifar10n[3]["clean_label"])


def test_cifar10n_reads_label_files_of_tensors(tmp_path, cifar10n):
    tensors = {key: torch.as_tensor(value) for key, value in cifar10n[3].items()}
    torch.save(tensors, tmp_path / "CIFAR-10_human.pt")
    bunch = datasets.fetch_cifar10n(data_home=tmp_path)
    np.testing.assert_array_equal(bunch.target, cifar10n[3]["clean_label"])


@pytest.mark.parametrize(
    "write",
    [
        lambda path: torch.save({"clean_label": Bomb()}, path),
        lambda path: path.write_bytes(pickle.dumps(Bomb(), protocol=2)),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"junk"),
        lambda path: path.write_bytes(path.read_bytes()[:-300]),
        lambda path: torch.save({"clean_label": np.zeros(3, dtype=int)}, path),
        lambda path: torch.save(
            {
                key: torch.as_tensor(value) / 2
                for key, value in torch.load(path, weights_only=False).items()
            },
            path,
        ),
    ],
    ids=["code", "bare pickle", "empty", "junk", "cut", "lacks keys", "fractions"],
)
def test_cifar10n_refuses_label_files_of_anything_else(tmp_path, cifar10n, write):
    path = tmp_path / "CIFAR-10_human.pt"
    write(path)
    message = r"CIFAR-10_human.pt to be a dict of integer arrays.* fetch again"
    with pytest.raises(ValueError, match=message) as caught:
        datasets.fetch_cifar10n(data_home=tmp_path)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("random_label2", lambda a: a[:-1], r"lengths \[50, 50, 49, 50\]"),
        ("random_label2", lambda a: a + 1, r"\[0\] to \[10\]"),
        ("clean_label", lambda a: a - 1, r"\[-1\] to \[9\]"),
    ],
)
def test_cifar10n_refuses_labels_that_do_not_fit(
    tmp_path, cifar10n, key, change, message
):
    labels = cifar10n[3] | {key: change(cifar10n[3][key])}
    torch.save(labels, tmp_path / "CIFAR-10_human.pt")
    with pytest.raises(ValueError, match=rf"CIFAR-10_human.pt to have .*{message}"):
        datasets.fetch_cifar10n(data_home=tmp_path)


def test_cifar10n_needs_a_torch_that_reads_safely(tmp_path, cifar10n, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(ImportError, match=r"Expected torch 2\.6 or later"):
        datasets.fetch_cifar10n(data_home=tmp_path)


def test_cifar10n_refuses_images_in_another_order(tmp_path, cifar10n):
    folder = tmp_path / "cifar-10-batches-bin"
    first, second = folder / "data_batch_1.bin", folder / "data_batch_2.bin"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(ValueError, match="images of CIFAR-10 in the order"):
        datasets.fetch_cifar10n(data_home=tmp_path)


def test_cifar10n_refuses_broken_images(tmp_path, cifar10n):
    path = tmp_path / "cifar-10-batches-bin" / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="multiple of 3073 bytes, got 30729"):
        datasets.fetch_cifar10n(data_home=tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [("10--19", "10--18"), ("10--19", "0--9"), ("40--49", "40--50")]
)
def test_cifar10n_refuses_batches_that_are_not_the_images(tmp_path, cifar10n, old, new):
    path = tmp_path / "side_info_cifar10N.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match="Expected each of 50 images in one batch"):
        datasets.fetch_cifar10n(data_home=tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [("10--19", "10-19"), ("10--19,10", "10--19,a")]
)
def test_cifar10n_refuses_workers_that_are_no_numbers(tmp_path, cifar10n, old, new):
    path = tmp_path / "side_info_cifar10N.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"side_info_cifar10N.csv to have batches"):
        datasets.fetch_cifar10n(data_home=tmp_path)


def test_features_and_labels_alone_are_returned_on_demand(tmp_path, mturk, cifar10n):
    unpack(tmp_path, mturk)
    unpack(tmp_path, as_members(labelme_files(np.random.default_rng(0))))
    for fetch in FETCHERS:
        bunch = fetch(data_home=tmp_path)
        data, labels = fetch(data_home=tmp_path, return_X_Y=True)
        np.testing.assert_array_equal(data, bunch.data)
        assert labels == bunch.labels
        assert isinstance(labels, CrowdLabels)
        assert len(data) == len(labels) == len(bunch.target)


@pytest.mark.parametrize("fetch", FETCHERS)
def test_descriptions_name_source_licence_and_citation(
    tmp_path, mturk, cifar10n, fetch
):
    unpack(tmp_path, mturk)
    unpack(tmp_path, as_members(labelme_files(np.random.default_rng(0))))
    description = fetch(data_home=tmp_path).DESCR
    for word in ("Source: https://", "Licence: ", "Citation: ", "Sizes: "):
        assert word in description
    assert max(map(len, description.splitlines()[:-1])) <= 88


@pytest.mark.parametrize("fetch", FETCHERS)
def test_absent_files_that_are_not_to_be_downloaded_are_an_error_that_says_how(
    tmp_path, fetch
):
    with pytest.raises(OSError, match=r"Download https://\S+ by hand and put it there"):
        fetch(data_home=tmp_path / "new", download_if_missing=False)
    assert not (tmp_path / "new").exists()


def test_the_environment_variable_names_the_directory(tmp_path, mturk, monkeypatch):
    unpack(tmp_path, mturk)
    monkeypatch.setenv("SKCCEM_DATA", str(tmp_path))
    assert datasets.fetch_music(download_if_missing=False).labels.n_labels == 3


def test_an_absent_file_is_downloaded_once_with_its_checksum(tmp_path, downloads):
    remote = Remote("https://example.org/file", "file", "0" * 64)
    for _ in range(2):
        path = find_or_download(remote, tmp_path / "new", True)
        assert path.read_bytes() == b"content"
    assert downloads == [("https://example.org/file", "sha256:" + "0" * 64)]


def test_a_download_without_verified_checksum_is_logged_with_the_one_it_has(
    tmp_path, downloads, caplog
):
    remote = Remote("https://example.org/file", "file")
    with caplog.at_level(logging.WARNING):
        find_or_download(remote, tmp_path, True)
    assert downloads == [("https://example.org/file", None)]
    assert "No verified checksum" in caplog.text
    sha256 = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    assert sha256 in caplog.text


def test_the_images_of_cifar10_are_downloaded_by_their_checksum(tmp_path, downloads):
    *_, labels, members = cifar10n_files(np.random.default_rng(0))
    unpack(tmp_path, {"side_info_cifar10N.csv": members["side_info_cifar10N.csv"]})
    torch.save(labels, tmp_path / "CIFAR-10_human.pt")
    with pytest.raises(OSError, match="not a gzip file"):
        datasets.fetch_cifar10n(data_home=tmp_path)
    [(url, known_hash)] = downloads
    assert url.endswith("/cifar-10-binary.tar.gz")
    assert known_hash == f"sha256:{published._CIFAR10.sha256}"


@pytest.mark.parametrize("failure", [OSError("no route"), ValueError("wrong hash")])
def test_a_failed_download_says_what_to_put_where(tmp_path, monkeypatch, failure):
    pooch = pytest.importorskip("pooch")

    def retrieve(*args, **kwargs):
        raise failure

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(OSError, match=r"deep_LabelMe.* Download https://\S+ by hand"):
        datasets.fetch_labelme(data_home=tmp_path)


def test_without_pooch_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'skccem\[data\]'"):
        datasets.fetch_music(data_home=tmp_path)


def test_pooch_leaves_no_file_with_a_wrong_checksum(tmp_path, monkeypatch):
    pooch = pytest.importorskip("pooch")
    source = tmp_path / "source"
    source.write_bytes(b"content")

    class Copy:
        def __call__(self, url, output_file, pooch, **kwargs):
            with open(output_file, "wb") as file:
                file.write(source.read_bytes())

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *a, **k: Copy())
    remote = Remote("https://example.org/file", "file", "0" * 64)
    with pytest.raises(OSError, match="does not match the known hash"):
        find_or_download(remote, tmp_path / "home", True)
    assert list((tmp_path / "home").iterdir()) == []


def test_real_labelme_has_the_published_sizes(data_home):
    bunch = datasets.fetch_labelme(data_home=data_home, download_if_missing=False)
    assert bunch.data.shape == (1000, 512)
    assert bunch.data_valid.shape == (500, 512)
    assert bunch.data_test.shape == (1188, 512)
    assert (bunch.labels.shape, bunch.labels.n_labels) == ((1000, 59), 2547)
    assert bunch.labels.n_classes == len(bunch.target_names) == 8
    # Numbers of photographs of each kind in the eight scene categories of LabelMe.
    targets = [bunch.target, bunch.target_valid, bunch.target_test]
    counts = np.bincount(np.concatenate(targets)).tolist()
    assert dict(zip(bunch.target_names, counts, strict=True)) == {
        "highway": 260,
        "insidecity": 308,
        "tallbuilding": 356,
        "street": 292,
        "forest": 328,
        "coast": 360,
        "mountain": 374,
        "opencountry": 410,
    }


def test_real_music_has_the_published_sizes(data_home):
    bunch = datasets.fetch_music(data_home=data_home, download_if_missing=False)
    assert bunch.data.shape == (700, 124)
    assert bunch.data_test.shape == (300, 124)
    assert (bunch.labels.shape, bunch.labels.n_labels) == ((700, 44), 2945)
    assert bunch.labels.n_classes == len(bunch.target_names) == 10
    targets = np.concatenate([bunch.target, bunch.target_test])
    assert np.bincount(targets).tolist() == [100] * 10
