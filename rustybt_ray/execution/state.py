"""The driver as a state machine: events in, instructions out. No clock, no Ray, no files in here.

What it promises for any order of events: every trial that was asked for ends exactly once, or never if the study is
cancelled; a worker never has more than `depth` chunks; a chunk whose worker died runs before anything new is begun.
"""

from collections import deque
from dataclasses import field
from itertools import chain

from rustybt_ray._record import record_class
from rustybt_ray.execution.events import (
    TIMED_OUT,
    Abort,
    Again,
    Ask,
    Asked,
    Cancelled,
    ChunkDone,
    ChunkFailed,
    Event,
    Instruction,
    Late,
    Record,
    RecordCrash,
    Replace,
    Run,
    TimedOut,
    WorkerDied,
    WorkerReady,
)
from rustybt_ray.execution.messages import Chunk
from rustybt_ray.execution.policy import ChunkPolicy
from rustybt_ray.execution.shelf import Shelf

STRIKES = 2  # a chunk that ended this many workers is split; a single trial becomes an error
LOSSES = 8  # the same for workers that went away for reasons of their own, so that a study ends
BARREN = 6  # times the number of workers: deaths of idle workers, without a chunk done between, that end the study


@record_class
class Piece:
    """A chunk on its way: how many workers it ended, and how many were lost under it.

    `twin` is the number of the chunk with the same trials that runs elsewhere; `void` says that their results are there.
    `alone` says that nothing may wait behind it: a worker that dies at once in the next chunk takes this one's answer along,
    and a trial must not be blamed for that.
    """

    chunk: Chunk
    strikes: int = 0
    losses: int = 0
    twin: int | None = None
    void: bool = False
    alone: bool = False


@record_class
class DriverState:
    """Which chunk waits, which runs where, and what the search may still give.

    Parameters
    ----------
    policy : ChunkPolicy
        Sizes chunks and says how many are in flight a worker.
    workers : int
        Workers wanted.
    remaining : int or None
        Trials that the search has yet to give; None if it does not know.
    lag : int or None
        Trials that may be under way at a time; None: any number.
    notes : list of Again
        What was sent back since the list was last emptied.
    """

    policy: ChunkPolicy
    workers: int = 1
    remaining: int | None = None
    lag: int | None = None
    waiting: deque[Piece] = field(default_factory=deque)
    running: dict[int, dict[int, Piece]] = field(default_factory=dict)
    cancelled: bool = False
    notes: list[Again] = field(default_factory=list)
    _shelf: Shelf = field(default_factory=Shelf)
    _gone: set[int] = field(default_factory=set)
    _slots: deque[int] = field(default_factory=deque)
    _next: int = 0
    _dry: bool = False
    _barren: int = 0

    @property
    def in_flight(self) -> int:
        """Chunks that workers have."""
        return sum(map(len, self.running.values()))

    @property
    def finished(self) -> bool:
        """Whether nothing is in flight and nothing will be."""
        pending = any(not piece.void for pieces in self.running.values() for piece in pieces.values())
        return not pending and (self.cancelled or not self._more())

    @property
    def starved(self) -> int:
        """Workers that have nothing because the search waits for the results of trials under way."""
        if self.lag is None or not self._dry or self.remaining == 0 or self.waiting or len(self._shelf):
            return 0
        return sum(not pieces for pieces in self.running.values())

    def handle(self, event: Event) -> list[Instruction]:
        """Take in an event; what follows from it at once. New work is given out by `dispatch`."""
        match event:
            case ChunkDone():
                return self._on_done(event)
            case WorkerReady(worker) if worker not in self.running and worker not in self._gone:
                self.running[worker] = {}
                self._slots.appendleft(worker)
                self._slots.extend([worker] * (self.policy.depth - 1))
            case Asked():
                self._on_asked(event)
            case WorkerDied():
                return self._on_death(event)
            case TimedOut():
                return self._on_timeout(event)
            case Late(worker):
                self._on_late(worker)
            case ChunkFailed(worker, chunk, cause):
                if (piece := self._take(worker, chunk)) is not None:
                    return self._suspect(piece, cause)
            case Cancelled():
                self.cancelled = True
                self.waiting.clear()
                self._shelf.clear()
        return []

    def dispatch(self) -> list[Instruction]:
        """Fill free slots, chunks that came back first; ends in one `Ask` if the search must give more.

        Call it until it gives nothing: after each `Ask`, `Asked` must be handled.
        """
        orders: list[Instruction] = []
        if self.cancelled:
            return orders
        while self._more() and (worker := self._free()) is not None:
            if self.waiting:
                piece = self.waiting.popleft()
            elif left := len(self._shelf):
                size = self._size(None if self.remaining is None else self.remaining + left)
                piece = Piece(Chunk(self._number(), *self._shelf.take(worker, size)))
            else:
                self._slots.appendleft(worker)
                orders.append(Ask(self.policy.window(self._crew, self._size(self.remaining))))
                break
            self.running[worker][piece.chunk.number] = piece
            orders.append(Run(worker, piece.chunk))
        return orders

    def _on_asked(self, event: Asked) -> None:
        self.remaining, self._dry = event.remaining, not len(event.numbers)
        if not self.cancelled:
            self.policy.weigh(event.columns)
            self._shelf.put(event.numbers, event.columns, self._size(event.remaining))

    def _on_done(self, event: ChunkDone) -> list[Instruction]:
        piece = self._take(event.worker, event.chunk)
        if piece is None:
            return []
        self._barren, self._dry = 0, False
        self.policy.observe(len(piece.chunk), event.seconds, event.nbytes)
        orders: list[Instruction] = [] if piece.void else [Record(piece.chunk)]
        if piece.twin is not None and not piece.void:
            self._void(piece.twin)
        if event.retire and not self.cancelled:
            self._gone.add(event.worker)
            self._put_back(list(self.running.pop(event.worker).values()))
            orders.append(Replace(event.worker))
        return orders

    def _on_death(self, event: WorkerDied) -> list[Instruction]:
        """The head of the worker's queue is the suspect; what waited behind it just goes back."""
        if event.worker in self._gone:
            return []
        self._gone.add(event.worker)
        pieces = list(self.running.pop(event.worker, {}).values())
        if self.cancelled:
            return []
        orders: list[Instruction] = []
        self._put_back(pieces[1:])
        if pieces:
            orders += self._suspect(pieces[0], event.cause) if event.suspect else self._lost(pieces[0], event.cause)
        else:
            self._barren += 1
            if self._barren > BARREN * max(self.workers, 1) and not self.in_flight:
                return [Abort(event.cause)]
        return [*orders, Replace(event.worker)]

    def _on_timeout(self, event: TimedOut) -> list[Instruction]:
        """The trials of the head run one by one from now on; one that was alone has taken too long itself."""
        if event.worker in self._gone or not self.running.get(event.worker):
            return []
        self._gone.add(event.worker)
        head, *others = self.running.pop(event.worker).values()
        if self.cancelled:
            return []
        self._put_back(others)
        orders: list[Instruction] = [Replace(event.worker)]
        if head.void or self._leave_to_twin(head):
            return orders
        count = len(head.chunk)
        if count == 1:
            self._dry = False
            return [RecordCrash(head.chunk, f"it took longer than {event.limit:g} s", TIMED_OUT), *orders]
        for i in reversed(range(count)):
            self.waiting.appendleft(Piece(head.chunk.part(self._number(), i, i + 1), head.strikes, head.losses))
        self._note(head, f"a trial of it takes longer than {event.limit:g} s", count)
        return orders

    def _on_late(self, worker: int) -> None:
        """Run the head elsewhere too, if someone is idle and has nothing else to do."""
        pieces = self.running.get(worker)
        idle = any(not others for others in self.running.values())
        if not pieces or self.cancelled or self._more() or not idle:
            return
        piece = next(iter(pieces.values()))
        if piece.twin is None and not piece.void:
            piece.twin = self._number()
            copy = piece.chunk.part(piece.twin, 0, len(piece.chunk))
            self.waiting.append(Piece(copy, piece.strikes, piece.losses, twin=piece.chunk.number, alone=piece.alone))
            self._note(piece, f"it is late on worker {worker}", 1)

    def _void(self, number: int) -> None:
        """The trials of a chunk have their results: drop it where it waits, ignore it where it runs."""
        if (piece := self._find(number)) is not None:
            piece.void = True
            self.waiting = deque(piece for piece in self.waiting if not piece.void)

    def _leave_to_twin(self, piece: Piece) -> bool:
        """Whether another worker has the same trials; it is on its own then."""
        other = self._find(piece.twin) if piece.twin is not None else None
        if other is None:
            return False
        other.twin = None
        return True

    def _find(self, number: int) -> Piece | None:
        """The piece with the chunk of that number, waiting or running."""
        running = (piece for pieces in self.running.values() for piece in pieces.values())
        return next((piece for piece in chain(self.waiting, running) if piece.chunk.number == number), None)

    def _put_back(self, pieces: list[Piece]) -> None:
        """Pieces that had not begun wait first."""
        self.waiting.extendleft(piece for piece in reversed(pieces) if not piece.void)

    def _suspect(self, piece: Piece, cause: str) -> list[Instruction]:
        piece.strikes += 1
        return self._again(piece, cause)

    def _lost(self, piece: Piece, cause: str) -> list[Instruction]:
        piece.losses += 1
        return self._again(piece, cause)

    def _again(self, piece: Piece, cause: str) -> list[Instruction]:
        """Run a piece that came back once more, whole, in halves, or not at all.

        It gets another number, so that a late answer to the first attempt is not taken for one to the second.
        """
        if self.cancelled or piece.void or self._leave_to_twin(piece):
            return []
        count = len(piece.chunk)
        if piece.strikes < STRIKES and piece.losses < LOSSES:
            again, alone = piece.chunk.part(self._number(), 0, count), count == 1 and piece.strikes > 0
            self.waiting.appendleft(Piece(again, piece.strikes, piece.losses, alone=alone))
            self._note(piece, cause, 1)
            return []
        if count == 1:
            self._dry = False
            return [RecordCrash(piece.chunk, cause)]
        # a half is under suspicion already, so one more death splits it; a single trial gets its two attempts
        for low, high in ((count // 2, count), (0, count // 2)):
            half = piece.chunk.part(self._number(), low, high)
            self.waiting.appendleft(Piece(half, strikes=STRIKES - 1 if high - low > 1 else 0))
        self._note(piece, cause, 2)
        return []

    def _note(self, piece: Piece, cause: str, parts: int) -> None:
        """The last `parts` chunks that got a number are a piece again."""
        into = tuple(range(self._next - parts + 1, self._next + 1))
        self.notes.append(Again(piece.chunk.number, into, len(piece.chunk), cause))

    def _take(self, worker: int, chunk: int) -> Piece | None:
        """The piece that a worker had in flight; None for an answer that comes late or twice."""
        pieces = self.running.get(worker, {})
        piece = pieces.pop(chunk, None)
        if piece is not None:
            (self._slots.append if pieces else self._slots.appendleft)(worker)
        return piece

    def _free(self) -> int | None:
        """A worker with a free slot for what is next, idle ones first; slots of the dead are dropped on the way."""
        idle = bool(self.waiting) and self.waiting[0].alone
        kept, found = list[int](), None
        while self._slots and found is None:
            worker = self._slots.popleft()
            if (pieces := self.running.get(worker)) is None:
                continue
            if (idle and pieces) or any(piece.alone and not piece.void for piece in pieces.values()):
                kept.append(worker)
            else:
                found = worker
        self._slots.extendleft(reversed(kept))
        return found

    def _more(self) -> bool:
        """Whether there are trials to give out, or the search has some: not if it is at its end or waits for results."""
        return bool(self.waiting or len(self._shelf) or (self.remaining != 0 and not self._dry))

    @property
    def _crew(self) -> int:
        return max(self.workers, len(self.running))

    def _size(self, remaining: int | None) -> int:
        """Trials of the next chunk; of a search that waits for results no worker takes so many that others have none."""
        if self.lag is not None:
            remaining = self.lag if remaining is None else min(remaining, self.lag)
        return self.policy.size(self._crew, remaining)

    def _number(self) -> int:
        self._next += 1
        return self._next
