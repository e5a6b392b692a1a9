import pytest
from blocks import block_of, chunk_of, same

import rustybt_ray.studies.tail as tail_module
from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.batches import to_bytes
from rustybt_ray.studies.journal import Journal
from rustybt_ray.studies.records import BLOCK, HEADER, encode, file_header
from rustybt_ray.studies.tail import JournalTail


def record(numbers):
    return encode(BLOCK, to_bytes(chunk_of(numbers), block_of(numbers)))


def numbers(tail):
    return [block.numbers.tolist() for _, block in tail.read()]


@pytest.fixture
def journal(tmp_path):
    with_handle = Journal(tmp_path / "journal")
    yield with_handle
    with_handle.close()


def test_every_block_is_read_and_decoded_once(journal, monkeypatch):
    decoded = []
    original = tail_module.from_record
    monkeypatch.setattr(tail_module, "from_record", lambda *args: decoded.append(1) or original(*args))
    tail = JournalTail(journal.path)
    assert numbers(tail) == []
    for batch in ([0, 1], [2], [5, 3]):
        journal.begin(chunk_of(batch))
        journal.write(chunk_of(batch), block_of(batch))
        ((columns, block),) = tail.read()
        same(block, block_of(batch))
        assert columns == {"fast": [10 * n for n in batch]}
        assert numbers(tail) == []
    assert len(decoded) == 3
    assert tail.end == journal.path.stat().st_size


def test_a_record_half_written_waits_for_its_rest(tmp_path):
    path, first, second = tmp_path / "journal", record([0]), record([1, 2])
    path.write_bytes(file_header() + first + second[:50])
    tail = JournalTail(path)
    assert numbers(tail) == [[0]]
    with path.open("ab") as file:
        file.write(second[50:])
    assert numbers(tail) == [[1, 2]]


def test_what_is_appended_while_a_half_record_is_looked_at_is_no_damage(tmp_path, monkeypatch):
    path, first, second = tmp_path / "journal", record([0]), record([1])
    path.write_bytes(file_header() + first[:50])
    # the size is taken when half a record is there; the rest and another record come before it is read
    size, original = path.stat(), type(path).stat
    path.write_bytes(file_header() + first + second)
    monkeypatch.setattr(type(path), "stat", lambda self, **options: size)
    assert numbers(JournalTail(path)) == []
    monkeypatch.setattr(type(path), "stat", original)
    assert numbers(JournalTail(path)) == [[0], [1]]


def test_a_journal_that_is_not_there_yet_or_has_no_whole_header_is_empty(tmp_path):
    tail = JournalTail(tmp_path / "journal")
    assert numbers(tail) == []
    (tmp_path / "journal").write_bytes(file_header()[: HEADER.size - 1])
    assert numbers(tail) == []
    (tmp_path / "journal").write_bytes(file_header() + record([7]))
    assert numbers(tail) == [[7]]


def test_damage_and_replacement_are_told(tmp_path):
    path = tmp_path / "journal"
    spoiled = bytearray(record([0]))
    spoiled[60] ^= 1
    path.write_bytes(file_header() + bytes(spoiled) + record([1]))
    with pytest.raises(RunError, match="damaged at byte 12 of"):
        numbers(JournalTail(path))
    path.write_bytes(file_header() + record([0]))
    tail = JournalTail(path)
    numbers(tail)
    path.write_bytes(file_header())
    with pytest.raises(RunError, match=r"had [0-9,]+ bytes and has 12"):
        numbers(tail)
