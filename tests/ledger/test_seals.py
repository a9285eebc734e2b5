"""Signatures of transactions with real ssh keys, as git makes and judges them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gitcoord.bootstrap import House
from gitcoord.errors import SigningFailed
from gitcoord.ledger.proof import Proof
from gitcoord.ledger.seals import Seals
from gitcoord.storage.signing import Signature, Signing
from tests.gitrun import git
from tests.ledger import forging
from tests.ledger.houses import Hands, acquire, begun, opened, session

KEYGEN = shutil.which("ssh-keygen")
pytestmark = pytest.mark.skipif(KEYGEN is None, reason="ssh-keygen is not installed")


class Keys:
    """Keys of two people, of whom only the first is allowed to sign."""

    def __init__(self, folder: Path, repo: str) -> None:
        self.repo = repo
        self.mine, self.other = (self._made(folder, name) for name in ("mine", "other"))
        self.allowed = folder / "allowed"
        public = Path(f"{self.mine}.pub").read_text(encoding="ascii")
        self.allowed.write_text(f'ada@example.invalid namespaces="git" {public}', encoding="ascii")
        git(repo, "config", "gpg.ssh.allowedSignersFile", str(self.allowed))
        git(repo, "config", "gpg.format", "ssh")
        self.sign(self.mine)

    def _made(self, folder: Path, name: str) -> str:
        path = str(folder / name)
        words = [str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]
        subprocess.run(words, check=True)
        return path

    def sign(self, key: str) -> None:
        """Let this clone sign with a key."""
        git(self.repo, "config", "coord.sign", "true")
        git(self.repo, "config", "user.signingKey", key)


@pytest.fixture
def keys(repo: str, tmp_path: Path) -> Keys:
    return Keys(tmp_path, repo)


def judged(house: House, *, wanted: bool = True) -> tuple[Seals, list[tuple[str, str]]]:
    """Return what came of the signatures, and the faults that they are."""
    seals = Seals(wanted=wanted)
    head = house.ledger.head()
    faults = list(seals.faults(Signing(house.repository).judged(head)))
    return seals, [(one.code, one.severity) for one in faults]


def test_a_clone_that_signs_signs_every_transaction(repo: str, keys: Keys) -> None:
    house = begun(repo, Hands())
    acquire(house, session(house), "a.py")
    seals, faults = judged(house)
    assert faults == []
    assert (seals.signed, seals.unsigned) == (3, 0)
    assert dict(seals.signers) == {"ada@example.invalid": 3}
    # Git itself agrees, and the signature hides nothing from the proof.
    git(repo, "verify-commit", house.ledger.head())
    assert list(Proof(house.ledger).faults(house.ledger.head())) == []


def test_without_the_setting_nothing_is_signed_and_ssh_keygen_is_not_started(
    repo: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(repo, "config", "--unset", "coord.sign")
    monkeypatch.setattr(Signing, "signed", None)
    house = begun(repo, Hands())
    acquire(house, session(house), "a.py")
    assert b"gpgsig" not in forging.raw(house, house.ledger.head())
    assert judged(house)[1] == [("unsigned", "error")]
    # Git is set up to judge signatures for other reasons: no fault of the ledger.
    assert judged(house, wanted=False)[1] == []


def test_a_transaction_without_signature_in_a_signed_chain_is_named(repo: str, keys: Keys) -> None:
    house = begun(repo, Hands())
    ada = session(house)
    git(repo, "config", "coord.sign", "false")
    bare = opened(repo, Hands())
    acquire(bare, ada, "a.py")
    unsigned = bare.ledger.head()
    acquire(opened(repo, Hands()), ada, "b.py")
    seals = Seals(wanted=True)
    faults = list(seals.faults(Signing(house.repository).judged(opened(repo).ledger.head())))
    assert {one.code for one in faults} == {"unsigned"}
    assert unsigned in {one.commit for one in faults}
    assert (seals.signed, seals.unsigned) == (2, 2)


def test_what_is_older_than_the_first_signature_is_no_fault(repo: str, keys: Keys) -> None:
    git(repo, "config", "coord.sign", "false")
    ada = session(begun(repo, Hands()))
    git(repo, "config", "coord.sign", "true")
    house = opened(repo, Hands())
    acquire(house, ada, "a.py")
    assert judged(house)[1] == [("unsigned_before", "note")]


def test_a_key_that_is_not_allowed_is_named(repo: str, keys: Keys) -> None:
    ada = session(begun(repo, Hands()))
    keys.sign(keys.other)
    house = opened(repo, Hands())
    acquire(house, ada, "a.py")
    seals, faults = judged(house)
    assert faults == [("signer_unknown", "error")]
    assert seals.signed == 3


def test_a_signature_of_another_content_is_named(repo: str, keys: Keys) -> None:
    house = begun(repo, Hands())
    raw = forging.raw(house, house.ledger.head())
    forging.point(house, forging.commit(house, raw.replace(b"begins it", b"began it")))
    assert [x.letter for x in Signing(house.repository).judged(_head(repo))] == ["B"]
    seals = Seals(wanted=True)
    faults = list(seals.faults(Signing(house.repository).judged(_head(repo))))
    assert [x.code for x in faults] == ["signature_wrong"]


def test_a_signature_that_was_made_for_something_else_does_not_count(
    repo: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gitcoord.storage import signing

    monkeypatch.setattr(signing, "_NAMESPACE", "file")
    house = begun(repo, Hands())
    assert {x.letter for x in Signing(house.repository).judged(house.ledger.head())} <= {"B", "U"}
    assert judged(house)[1] != []


def _head(repo: str) -> str:
    return git(repo, "rev-parse", "refs/coord/state")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("gpg.format", "openpgp", "gpg.format is openpgp"),
        ("user.signingKey", "", "user.signingKey"),
        ("user.signingKey", "/nowhere/key", "signs nothing"),
        ("gpg.ssh.program", "/nowhere/ssh-keygen", "cannot be started"),
    ],
)
def test_what_cannot_be_signed_is_not_written(
    repo: str, keys: Keys, setting: str, value: str, said: str
) -> None:
    house = begun(repo, Hands())
    before = house.ledger.head()
    git(repo, "config", setting, value)
    other = opened(repo, Hands())
    with pytest.raises(SigningFailed, match=said):
        session(other)
    assert other.ledger.head() == before


def test_a_key_that_is_written_out_is_looked_for_in_the_agent(repo: str, keys: Keys) -> None:
    """No agent has it here, and ssh-keygen is asked for nothing else."""
    public = Path(f"{keys.mine}.pub").read_text(encoding="ascii").strip()
    git(repo, "config", "user.signingKey", f"key::{public}")
    os.environ.pop("SSH_AUTH_SOCK", None)
    with pytest.raises(SigningFailed, match="signs nothing"):
        begun(repo, Hands())


def test_sha256_repositories_are_signed_too(tmp_path: Path) -> None:
    path = str(tmp_path / "long")
    git(str(tmp_path), "init", "-q", "--object-format=sha256", path)
    keys = Keys(tmp_path, path)
    house = begun(path, Hands())
    assert keys.allowed.exists()
    assert b"\ngpgsig-sha256 " in forging.raw(house, house.ledger.head())
    assert judged(house)[1] == []


def test_a_restored_ledger_is_signed(repo: str, keys: Keys) -> None:
    from gitcoord.ledger.remedies import restore

    house = begun(repo, Hands())
    session(house)
    git(repo, "update-ref", "-d", "refs/coord/state")
    again = opened(repo, Hands())
    restore(again)
    assert judged(again)[1] == []


@pytest.mark.parametrize(
    ("letters", "codes"),
    [
        ("GGG", []),
        ("GGNN", ["unsigned_before"]),
        ("NGNG", ["unsigned", "unsigned"]),
        ("NN", ["unsigned"]),
        ("GXYREUB", ["signature_expired", "signature_expired", "signer_revoked",
                     "signature_unchecked", "signer_unknown", "signature_wrong"]),
    ],
)  # fmt: skip
def test_each_letter_of_git_has_its_fault(letters: str, codes: list[str]) -> None:
    given = [Signature(f"{at:040}", letter, "ada", "k") for at, letter in enumerate(letters)]
    assert [one.code for one in Seals(wanted=True).faults(given)] == codes
