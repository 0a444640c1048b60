"""The ledger's signed head in a folder never goes back, whoever writes last, and its key is private."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.domain.errors import Breach
from broker.storage.signed_log_store import SignedHeadStore


def test_the_head_never_goes_back(tmp_path):
    witness = SignedHeadStore(tmp_path / "ledger")
    assert witness.last() is None
    heads = [witness.sign(number, f"hash {number}") for number in range(1, 41)]
    random.Random(1).shuffle(heads)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(SignedHeadStore(tmp_path / "ledger").store_head, heads))
    assert witness.last() == witness.sign(40, "hash 40")
    witness.store_head(witness.sign(39, "hash 39"))
    assert witness.last().number == 40


def test_a_signature_is_of_number_and_hash_by_this_key(tmp_path):
    witness, other = SignedHeadStore(tmp_path / "a"), SignedHeadStore(tmp_path / "b")
    head = witness.sign(3, "hash")
    assert witness.knows(head, "hash")
    assert not witness.knows(head, "another")
    assert not other.knows(head, "hash")
    assert head.signature != witness.sign(4, "hash").signature


def test_a_key_that_others_can_read_is_no_key(tmp_path):
    SignedHeadStore(tmp_path / "ledger")
    (tmp_path / "ledger" / "key").chmod(0o644)
    with pytest.raises(Breach, match="ledger's key"):
        SignedHeadStore(tmp_path / "ledger")
