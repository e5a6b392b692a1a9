import errno
import os

import pytest
from blocks import NAMES, block_of, chunk_of, same
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import RunError
from rustybt_ray.studies.batches import from_bytes, to_bytes
from rustybt_ray.studies.journal import Journal, read_journal
from rustybt_ray.studies.records import BLOCK, FORMAT, HEADER, MAGIC, RECORD, encode
from rustybt_ray.studies.tail import JournalTail


@pytest.fixture
def written(tmp_path):
    """A journal of three blocks, and where each record ends."""
    path, ends = tmp_path / "journal", []
    journal = Journal(path)
    for numbers in ([0, 1], [4], [2, 3, 5]):
        journal.write(chunk_of(numbers), block_of(numbers, failed=[4] if numbers == [4] else ()))
        ends.append(path.stat().st_size)
    journal.close()
    return path, ends


@pytest.mark.parametrize("failed", [(), (3,), (3, 7)])
@pytest.mark.parametrize("names", [NAMES, ()])
def test_a_block_comes_back_bit_for_bit(names, failed):
    block = block_of([3, 7], names, failed)
    _, found = from_bytes(to_bytes(chunk_of([3, 7]), block))
    same(found, block)


def test_parameters_come_back_and_what_no_column_holds_comes_as_text():
    columns = {
        "whole": [1, None], "real": [0.1, float("inf")], "text": ["a", "\u00e9"], "truth": [True, False],
        "mixed": [1, "a"], "large": [2**70, 1], "thing": [(1, 2), None],
    }  # fmt: skip
    found, _ = from_bytes(to_bytes(chunk_of([0, 1], **columns), block_of([0, 1])))
    expected = columns | {"mixed": ["1", "'a'"], "large": [str(2**70), "1"], "thing": ["(1, 2)", None]}
    assert found == expected
    assert [type(value) for value in found["whole"] + found["real"]] == [int, type(None), float, float]


def test_what_was_written_is_read_in_its_order(written):
    path, _ = written
    found = read_journal(path)
    assert [block.numbers.tolist() for _, block in found.blocks] == [[0, 1], [4], [2, 3, 5]]
    assert found.numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.blocks[1][1].errors[4].type == "ValueError"
    assert found.blocks[2][0] == {"fast": [20, 30, 50]}
    assert found.end == path.stat().st_size


def test_each_block_is_in_the_file_before_the_next_is_begun(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.write(chunk_of([0]), block_of([0]))
    assert read_journal(tmp_path / "journal").numbers.tolist() == [0]
    journal.close()


def test_trials_that_were_begun_and_never_ended_are_suspects(tmp_path):
    journal = Journal(tmp_path / "journal")
    for numbers in ([0, 1], [2, 3]):
        journal.begin(chunk_of(numbers))
        if numbers == [0, 1]:
            assert read_journal(journal.path).suspects.tolist() == [0, 1]
            journal.write(chunk_of(numbers), block_of(numbers))
            assert read_journal(journal.path).suspects.tolist() == []
    assert read_journal(journal.path).suspects.tolist() == [2, 3]
    journal.close()


def test_a_driver_that_closes_its_journal_did_not_die_in_what_it_had_begun(tmp_path):
    for closed in (False, True):
        path = tmp_path / f"closed-{closed}"
        journal = Journal(path)
        journal.write(chunk_of([0]), block_of([0]))
        journal.begin(chunk_of([1, 2]))
        if closed:
            journal.close()
        assert read_journal(path).suspects.tolist() == ([] if closed else [1, 2])
        assert read_journal(path).numbers.tolist() == [0]
        journal.close()


@given(data=st.data())
def test_a_file_cut_off_anywhere_yields_its_whole_records_and_goes_on(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cut")
    path, ends = folder / "journal", [HEADER.size]
    journal = Journal(path)
    for numbers in ([0, 1], [4], [2, 3, 5]):
        journal.write(chunk_of(numbers), block_of(numbers))
        ends.append(path.stat().st_size)
    journal.close()
    cut = data.draw(st.integers(0, ends[-1]))
    zeros = data.draw(st.sampled_from([0, 1, 30, 5000]))
    complete = path.read_bytes()
    path.write_bytes(left := complete[:cut] + bytes(zeros))
    whole = max(0, sum(left[:end] == complete[:end] for end in ends) - 1)
    found = read_journal(path)
    assert len(found.blocks) == whole
    assert found.end == (ends[whole] if whole else 0)
    journal = Journal(path, found.end)
    journal.write(chunk_of([9]), block_of([9]))
    journal.close()
    again = read_journal(path)
    assert len(again.blocks) == whole + 1
    same(again.blocks[-1][1], block_of([9]))


def test_a_flipped_bit_before_the_end_is_damage_and_nothing_is_changed(written):
    path, ends = written
    for at in (HEADER.size, HEADER.size + 5, HEADER.size + RECORD.size + 100, ends[0] + RECORD.size + 7):
        content = bytearray(path.read_bytes())
        content[at] ^= 4
        damaged = path.with_name("damaged")
        damaged.write_bytes(content)
        start = HEADER.size if at < ends[0] else ends[0]
        with pytest.raises(RunError, match=rf"damaged at byte {start:,} of .*Restore the file"):
            read_journal(damaged)
        assert damaged.read_bytes() == bytes(content)


def test_a_newer_format_and_other_files_are_refused(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(HEADER.pack(MAGIC, FORMAT + 1))
    with pytest.raises(RunError, match=f"format {FORMAT + 1}, this version reads up to {FORMAT}"):
        read_journal(path)
    path.write_bytes(b"something else altogether")
    with pytest.raises(RunError, match="not a journal"):
        read_journal(path)
    path.write_bytes(b"RBX")
    with pytest.raises(RunError, match="not a journal"):
        read_journal(path)


@pytest.mark.parametrize("payload", [b"no batch at all", to_bytes(chunk_of([8]), block_of([8]))[:-200]])
@pytest.mark.parametrize("read", [read_journal, lambda path: list(JournalTail(path).read())])
def test_a_record_that_is_whole_and_no_batch_is_told(written, payload, read):
    path, _ = written
    path.write_bytes(path.read_bytes() + encode(BLOCK, payload) + encode(BLOCK, b""))
    content = path.read_bytes()
    with pytest.raises(RunError, match=r"no batch of trials \(\w+: .*Use the rustybt_ray that wrote it"):
        read(path)
    assert path.read_bytes() == content


class FullDisk:
    """A file that takes `room` bytes and then no more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self.file.write(data[: self.room])
        self.room -= taken
        return taken

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_full_disk_loses_nothing_that_was_written(written):
    path, ends = written
    journal = Journal(path, ends[-1])
    journal._file = FullDisk(journal._file, 50)
    with pytest.raises(RunError, match=r"cannot be written .*No space left.*resume=True"):
        journal.write(chunk_of([9]), block_of([9]))
    assert path.stat().st_size == ends[-1]
    assert len(read_journal(path).blocks) == 3
    journal.close()


def test_the_disk_is_asked_to_keep_it_after_two_seconds_and_not_before(tmp_path, monkeypatch):
    now, asked = [0.0], []
    monkeypatch.setattr("rustybt_ray.studies.journal.time.monotonic", lambda: now[0])
    journal = Journal(tmp_path / "journal")
    monkeypatch.setattr("rustybt_ray.studies.journal.os.fsync", asked.append)
    journal.write(chunk_of([0]), block_of([0]))
    journal.tick()
    assert asked == []
    now[0] = 2.0
    journal.tick()
    journal.tick()
    assert len(asked) == 1
    journal.close()


def test_no_pickle_is_in_a_record():
    payload = to_bytes(chunk_of([0], thing=[object()]), block_of([0]))
    assert b"\x80\x04" not in payload[:2]
    columns, _ = from_bytes(payload)
    assert columns["thing"][0].startswith("<object object")
    assert encode(BLOCK, payload).endswith(payload)
