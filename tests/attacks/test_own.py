"""Resources of a user's own: word vectors from a file, a spaCy model, and recipes that use them."""

from __future__ import annotations

import gzip
import importlib.machinery
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from attacks import recipes
from attacks.constraints import EmbeddingCosine, SamePartOfSpeech
from attacks.errors import AttackError
from attacks.recipe import edits
from attacks.resources import neighbours, registry
from attacks.resources.antonyms import opposed
from attacks.resources.own import file_hashes, resolved
from attacks.resources.spacy_tagger import SpacyTagger
from attacks.resources.vectors import WordVectors
from attacks.text import Text
from attacks.transformations import EmbeddingNeighbours, WordNetSynonyms

RNG = np.random.default_rng(0)
WORDS = ("good", "bad", "fine", "great", "film", "movie", "picture", "actor", "slow", "quick")
VECTORS = np.random.default_rng(7).normal(size=(len(WORDS), 5)).astype(np.float32)


def as_text(words: tuple[str, ...] = WORDS, vectors: Any = VECTORS) -> str:
    rows = zip(words, vectors, strict=True)
    return "".join(f"{word} {' '.join(map(repr, map(float, row)))}\n" for word, row in rows)


def plain(folder: Path) -> Path:
    path = folder / "vectors.txt"
    path.write_text(as_text(), encoding="utf-8")
    return path


def with_header(folder: Path) -> Path:
    path = folder / "word2vec.txt"
    path.write_text(f"{len(WORDS)} 5\n{as_text()}")
    return path


def packed(folder: Path) -> Path:
    path = folder / "vectors.txt.gz"
    path.write_bytes(gzip.compress(as_text().encode()))
    return path


def archive(folder: Path) -> Path:
    path = folder / "vectors.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("counter-fitted-vectors.txt", as_text())
    return path


def tensors(folder: Path) -> Path:
    path = folder / "vectors.safetensors"
    words = np.frombuffer("\n".join(WORDS).encode(), dtype=np.uint8)
    save_file({"words": words, "vectors": VECTORS}, path)
    return path


@pytest.mark.parametrize("write", [plain, with_header, packed, archive, tensors])
def test_neighbours_and_cosines_are_those_of_textattack(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    """TextAttack's embedding on the same vectors, antonyms left out of its neighbours."""
    from attacks.bridge.importing import textattack

    rows = {word: number for number, word in enumerate(WORDS)}
    theirs = textattack().shared.WordEmbedding(
        VECTORS, rows, dict(enumerate(WORDS)), _brute_force(VECTORS)
    )
    ours = WordVectors.at(str(write(tmp_path)))
    for word in WORDS:
        near = [WORDS[n] for n in theirs.nearest_neighbours(rows[word], 4)]
        found = ours.nearest(word.upper(), 4)
        assert [n.word for n in found] == [w for w in near if not opposed(word, w)]
        for neighbour in found:
            cosine = theirs.get_cos_sim(word, neighbour.word)
            assert neighbour.cosine == pytest.approx(cosine, abs=1e-5)
            assert ours.cosine(word, neighbour.word) == neighbour.cosine
    assert ours.nearest("qwrtzp", 4) == ()
    assert ours.cosine("good", "qwrtzp") is None
    assert (ours.knows("Good"), ours.knows("qwrtzp")) == (True, False)


def _brute_force(vectors: Any) -> Any:
    """What TextAttack's file of nearest neighbours holds: the word itself first."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.argsort(-(unit @ unit.T), axis=1)


def test_spellings_that_agree_have_the_first_vector(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("Film 1 0\nfilm 0 1\nmovie 1 0.1\n")
    assert WordVectors.at(str(path)).cosine("film", "movie") == pytest.approx(0.995037, abs=1e-6)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it holds no vectors"),
        ("good 1 2\nbad 1\n", "line 2 has 1 numbers after the word, not 2 numbers as before"),
        ("good 1 2\nbad 1 x\n", "line 2: could not convert string to float"),
        ("good 1\n", "line 1 has 1 numbers after the word, not at least two numbers"),
        ("good 0 0\n", "the vector of 'good' has nothing but zeros"),
        ("good 1 nan\n", "the vector of 'good' has a number that is not finite"),
        ("3 2\ngood 1 2\n", "line 1 promises 3 words, and there are 1"),
        (b"\xff\xfe 1 2\n", "can't decode byte"),
    ],
)
def test_a_file_that_holds_no_vectors_is_refused(
    content: str | bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(AttackError, match="holds no word vectors that can be read") as caught:
        WordVectors.at(str(path))
    assert problem in str(caught.value)
    assert "Give a text file with a line 'word v1 v2" in str(caught.value)


def test_broken_archives_and_tensors_are_refused(tmp_path: Path) -> None:
    for name in ("v.gz", "v.zip", "v.safetensors"):
        (tmp_path / name).write_bytes(b"not what it says")
        with pytest.raises(AttackError, match="holds no word vectors"):
            WordVectors.at(str(tmp_path / name))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as file:
        file.writestr("a", "good 1 2\n")
        file.writestr("b", "good 1 2\n")
    with pytest.raises(AttackError, match="holds 2 files, not one"):
        WordVectors.at(str(tmp_path / "two.zip"))
    save_file({"vectors": VECTORS}, tmp_path / "half.safetensors")
    with pytest.raises(AttackError, match="it has no tensor 'words'"):
        WordVectors.at(str(tmp_path / "half.safetensors"))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("v") / "v.txt"
    path.write_bytes(data)
    try:
        found = WordVectors.at(str(path))
    except AttackError:
        return
    assert found.sha256


def test_vectors_are_compared_by_what_is_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, same = WordVectors.at(str(plain(tmp_path))), WordVectors.at(str(plain(tmp_path / "other")))
    assert one == same
    assert hash(one) == hash(same)
    path = tmp_path / "other" / "vectors.txt"
    path.write_text(as_text(vectors=VECTORS + 1))
    assert WordVectors.at(str(path)) != one


def test_a_recipe_reads_the_vectors_that_it_is_given(tmp_path: Path) -> None:
    own = resolved({"vectors": str(plain(tmp_path))})
    vectors: Any = own["vectors"]
    recipe = recipes.load("textfooler", neighbours=4)
    changed = recipe.using(own)
    part: Any = changed.transformation
    assert part == EmbeddingNeighbours(4, vectors)
    proposed = part.replacements(Text.of("A Movie").candidate, 1, RNG)
    assert proposed == tuple(n.word.capitalize() for n in vectors.nearest("movie", 4))
    assert EmbeddingCosine(0.6, vectors) in changed.constraints
    assert EmbeddingCosine(0.6) in recipe.constraints  # the recipe itself is as it was
    written = json.dumps(changed.parameters())
    assert written.count(f"vectors.txt, sha256:{vectors.sha256}") == 2
    assert written != json.dumps(recipe.parameters())
    assert edits(changed.parameters()) == edits(recipe.parameters())
    assert changed.deviations[0].startswith("The resource 'vectors' is the user's own, vectors.txt")
    assert registry.VECTORS in recipe.resources
    assert registry.VECTORS not in changed.resources
    assert file_hashes(own) == {"resource vectors": vectors.sha256}


def test_the_members_of_an_ensemble_read_them_too(tmp_path: Path) -> None:
    own = resolved({"vectors": str(plain(tmp_path))})
    standard = recipes.load("standard").using(own)
    built_in = neighbours.BUILT_IN.identity
    assert built_in in json.dumps(recipes.load("standard").parameters())
    assert built_in not in json.dumps(standard.parameters())
    assert registry.VECTORS not in standard.resources


def test_a_recipe_that_reads_none_is_left_as_it_is(tmp_path: Path) -> None:
    recipe = recipes.load("pwws")
    assert not recipe.reads("vectors")
    assert recipe.using(resolved({"vectors": str(plain(tmp_path))})) is recipe


def test_all_cosines_can_be_asked_of_own_vectors(tmp_path: Path) -> None:
    vectors = WordVectors.at(str(plain(tmp_path)))
    text = Text.of("a good film").candidate
    for other in ("fine", "great", "slow"):
        cosine = vectors.cosine("good", other)
        assert cosine is not None
        for least, allowed in ((cosine - 0.01, True), (cosine + 0.01, False)):
            part = EmbeddingCosine(least, vectors)
            assert part.allows(text.replace(1, other), text) is allowed
    with pytest.raises(AttackError, match=r"begins at 0\.4"):
        EmbeddingCosine(0.1)


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ({"vektors": "x"}, "Did you mean 'vectors'?"),
        ({"masked_lm": "x"}, "The resource 'masked_lm' is a model; name your own by --masked-lm"),
        (
            {"vectors": "/no/such/file"},
            "The word vectors /no/such/file cannot be read: No such file",
        ),
    ],
)
def test_what_cannot_be_ones_own_is_refused(named: dict[str, str], problem: str) -> None:
    with pytest.raises(AttackError) as caught:
        resolved(named)
    assert problem in str(caught.value)


def test_without_spacy_the_command_that_installs_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("attacks.resources.spacy_tagger.find_spec", lambda name: None)
    with pytest.raises(AttackError, match=r"Install it with: pip install spacy$"):
        resolved({"tagger": "en_core_web_sm"})


TAGS = {"love": "NN", "story": "NN", "film": "NN", "good": "JJ"}


@pytest.fixture
def spacy(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in for spaCy: its pipeline tags from `TAGS`, and what it loads is noted."""
    loaded: list[Any] = []

    def load(path: Path, exclude: list[str]) -> Any:
        loaded.append((path, exclude))

        def pipeline(words: list[str]) -> list[Any]:
            return [SimpleNamespace(tag_=TAGS.get(w, "UH"), pos_="") for w in words]

        pipeline.vocab = None  # type: ignore[attr-defined]
        return pipeline

    package, tokens = ModuleType("spacy"), ModuleType("spacy.tokens")
    package.load = load  # type: ignore[attr-defined]
    package.__spec__ = importlib.machinery.ModuleSpec("spacy", None)
    tokens.Doc = lambda vocab, words: words  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spacy", package)
    monkeypatch.setitem(sys.modules, "spacy.tokens", tokens)
    return loaded


def model_folder(folder: Path, content: str) -> Path:
    """As an installed package has it: the configuration lies one folder deeper."""
    inside = folder / "en_small-1.0"
    inside.mkdir(parents=True)
    (inside / "config.cfg").write_text(content)
    return folder


def test_a_spacy_model_tags_for_the_recipes_that_read_it(spacy: list[Any], tmp_path: Path) -> None:
    own = resolved({"tagger": str(model_folder(tmp_path / "en_small", "a"))})
    tagger: Any = own["tagger"]
    assert spacy[0][0] == tmp_path / "en_small" / "en_small-1.0"
    assert tagger.tags(("good", "love")) == ("JJ", "NN")
    recipe = recipes.load("textfooler").using(own)
    assert SamePartOfSpeech(True, tagger) in recipe.constraints
    # The built-in tagger holds "love" for a verb here; then it has synonyms of verbs.
    text = Text.of("they love it").candidate
    part: Any = recipes.load("pwws").using(own).transformation
    assert part.replacements(text, 1, RNG) != WordNetSynonyms().replacements(text, 1, RNG)
    assert registry.TAGGER not in recipes.load("pwws").using(own).resources
    assert len(spacy) == 1


def test_spacy_models_are_compared_by_their_files(spacy: list[Any], tmp_path: Path) -> None:
    one, same, other = (
        SpacyTagger.named(str(model_folder(tmp_path / name, content)))
        for name, content in (("a", "x"), ("b", "x"), ("c", "y"))
    )
    assert one == same
    assert one != other


def test_an_unknown_spacy_model_is_told_with_the_way_to_get_it(spacy: list[Any]) -> None:
    with pytest.raises(AttackError, match="python -m spacy download en_no_such_model"):
        resolved({"tagger": "en_no_such_model"})
